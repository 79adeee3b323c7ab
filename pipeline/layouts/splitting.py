"""Stratified splits drawn from a seed: a validation share, or folds for cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.leakage import real_paths
from headrace.pipeline.layouts.listing import Listing, natural_key, split_of
from headrace.pipeline.stratified import check_val_fraction, fold_numbers, in_share

TRAIN, VAL = "train", "val"


def take_validation(listing: Listing, fraction: float, seed: int) -> Listing:
    """Moves a share of each class from the training split into a new split `val`.

    Raises:
        ConfigError: fraction outside (0, 1), no training split, or a validation split is there.
    """
    check_val_fraction(fraction)
    if VAL in listing.splits:
        raise ConfigError(
            "the data set has a validation split already; leave --val-fraction out, or join the "
            "two first with --merge train,val"
        )
    chosen = in_share(_train_labels(listing), fraction, seed)
    return _resplit(listing, [TRAIN, VAL], chosen.astype(np.int64))


def merge_splits(listing: Listing, names: Sequence[str]) -> Listing:
    """Joins splits into the first of them, each file once.

    Args:
        listing: the splits as they are.
        names: two or more of its splits; `valid` means val, and so on.

    Raises:
        ConfigError: there is no such split, or an image has another label in the other split.
    """
    wanted = list(dict.fromkeys(split_of(name) or name for name in names))
    for name in wanted:
        if name not in listing.splits:
            raise ConfigError(
                f"--merge {','.join(names)}: there is no split {name}, only "
                f"{', '.join(listing.splits)}"
            )
    if len(wanted) < 2:
        raise ConfigError(f"--merge {','.join(names)}: expected two different splits")
    real = real_paths(listing)
    known: dict[str, int] = {}
    joined = [i for name in wanted for i in range(*listing.splits[name])]
    for i in joined:
        first = known.setdefault(real[i], i)
        if listing.labels[first] != listing.labels[i]:
            raise ConfigError(
                f"{listing.paths[first]} and {listing.paths[i]} are one file with two labels: "
                "splits cannot be merged"
            )
    members = {wanted[0]: sorted(known.values(), key=lambda i: natural_key(listing.paths[i]))}
    for name, span in listing.splits.items():
        if name not in wanted:
            members[name] = list(range(*span))
    splits: dict[str, tuple[int, int]] = {}
    order: list[int] = []
    for name in [name for name in listing.splits if name in members]:
        splits[name] = (len(order), len(order) + len(members[name]))
        order += members[name]
    twice = len(joined) - len(known)
    note = f"{' and '.join(wanted)} are merged into {wanted[0]}"
    return replace(
        listing,
        paths=[listing.paths[i] for i in order],
        labels=listing.labels[np.array(order, np.int64)],
        splits=splits,
        notes=(*listing.notes, note + (f", {twice} images were in both" if twice else "")),
    )


def make_folds(listing: Listing, num_folds: int, seed: int) -> Listing:
    """Divides the training split into `fold0` ... of equal class shares.

    Raises:
        ConfigError: fewer than 2 folds, more folds than samples, or no training split.
    """
    labels = _train_labels(listing)
    if len(labels) < 2:
        raise ConfigError(f"--folds {num_folds}: folds of a single training sample; add samples")
    if not 2 <= num_folds <= len(labels):
        raise ConfigError(
            f"--folds {num_folds}: expected 2 to {len(labels)}, the number of training samples"
        )
    return _resplit(
        listing,
        [f"fold{k}" for k in range(num_folds)],
        fold_numbers(labels, num_folds, seed),
    )


def _train_labels(listing: Listing) -> np.ndarray:
    if TRAIN not in listing.splits:
        raise ConfigError(
            f"--val-fraction and --folds divide the split {TRAIN}, and there is only "
            f"{', '.join(listing.splits)}; leave them out, or name its folder with --split "
            f"{TRAIN}=DIR"
        )
    return listing.labels[slice(*listing.splits[TRAIN])]


def _resplit(listing: Listing, names: list[str], part: np.ndarray) -> Listing:
    """The listing with its training split divided; `part` numbers the new split per sample."""
    start = listing.splits[TRAIN][0]
    within = start + np.argsort(part, kind="stable")
    others = [np.arange(*span) for name, span in listing.splits.items() if name != TRAIN]
    order = np.concatenate([within, *others])
    splits: dict[str, tuple[int, int]] = {}
    sizes = dict(zip(names, np.bincount(part, minlength=len(names)).tolist(), strict=True))
    sizes.update({n: b - a for n, (a, b) in listing.splits.items() if n != TRAIN})
    position = 0
    for name, size in sizes.items():
        splits[name] = (position, position + size)
        position += size
    return replace(
        listing,
        paths=[listing.paths[i] for i in order],
        labels=listing.labels[order],
        splits=splits,
    )
