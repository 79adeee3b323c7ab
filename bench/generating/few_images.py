"""A few images of each class of a split, drawn by a seed."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records


def few_images(records: Records, split: str, per_class: int, seed: int) -> list[str]:
    """Names of as many images of each class.

    Args:
        records: with names.
        split: to draw from.
        per_class: how many; 0 takes all.
        seed: of the draw; with one seed, fewer images are part of more.

    Returns:
        Names, in the file's order.

    Raises:
        ConfigError: if a class has fewer.
    """
    chosen = records.select(split)
    if per_class:
        labels = records.labels[chosen]
        chosen = chosen[np.sort(np.concatenate([
            _drawn(records, np.flatnonzero(labels == label), label, per_class, seed, split)
            for label in range(len(records.manifest.classes))
        ]))]  # fmt: skip
    return [records.name(int(index)) for index in chosen]


def _drawn(
    records: Records, places: np.ndarray, label: int, count: int, seed: int, split: str
) -> np.ndarray:
    if len(places) < count:
        raise ConfigError(
            f"--per-class {count}: class {records.manifest.classes[label]!r} has {len(places)} "
            f"images in {split!r}; take fewer, or 0 for all"
        )
    return np.random.default_rng((seed, label)).permutation(places)[:count]
