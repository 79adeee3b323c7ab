"""The data of a run: what may be learnt from, through which loaders, normalised how."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
import torch
from torch import Tensor

from headrace.augment import Preprocess
from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.loader import open_loader
from headrace.pipeline.plan import Tail
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.pipeline.sampling import BALANCED, SHUFFLE, sample_weights
from headrace.pipeline.selection import is_expression
from headrace.pipeline.shares import epoch_samples
from headrace.pipeline.split_names import split_called
from headrace.train.data.labels import held_out, nothing_held_out
from headrace.train.models.whitening import NUM_IMAGES
from headrace.train.processes.world import World
from headrace.train.settings.config import DataConfig, RunConfig


def open_loaders(
    config: RunConfig,
    records: Records,
    world: World,
    device: torch.device,
    resources: ExitStack,
    say: Callable[[str], None],
) -> tuple[PlannedLoader, PlannedLoader | None]:
    """The training split's loader and, where there is something held out, its loader."""
    data = config.data
    if data.batch_size % world.size:
        raise ConfigError(
            f"--batch-size is {data.batch_size}, expected a multiple of the {world.size} processes"
        )
    count = epoch_samples(records, records.select(data.train_split)) * data.aug_repeats
    tail = choose_tail(count, data.batch_size, data.drop_last, world.size)
    if tail == "drop" and not data.drop_last:
        say("the last batch of an epoch, 1 sample, is left out: batch normalisation needs 2")
    if tail == "drop" and count < data.batch_size:
        raise ConfigError(
            f"--batch-size {data.batch_size} with --drop-last leaves no batch: split "
            f"{data.train_split!r} has {count} samples; take a smaller batch"
        )
    is_held_out = bool(len(held_out(records, data.val_split)))
    if not is_held_out and (flag := config.optim.needs_evaluation):
        missing = nothing_held_out(records, data.val_split)
        raise ConfigError(f"{flag} needs a validation split, and {missing}")
    train_loader = resources.enter_context(
        open_loader(records, loader_config(config, world, device, train=True, tail=tail))
    )
    if not is_held_out:
        others = [name for name in records.splits if name != data.train_split]
        hint = f" (there is {', '.join(others)}: see --val-split)" if others else ""
        absent = "" if data.val_split == "none" else f"no split {data.val_split!r}{hint}: "
        say(f"{absent}nothing is held out, best.pt is the last epoch{_how_to_hold_out(data)}")
        return train_loader, None
    # The training loader's name and workers: `auto` has been decided, and said, once.
    settings = with_values(
        loader_config(config, world, device, train=False, tail="keep"),
        {"loader": train_loader.name, "workers": train_loader.config.decode.workers},
    )
    return train_loader, resources.enter_context(open_loader(records, settings))


def limit_line(data: DataConfig, records: Records) -> str:
    """How few samples --limit-batches leaves to be measured on; "" where it leaves all."""
    labels = records.labels[records.select(data.val_split)]
    measured, classes = data.limit_batches * data.batch_size, len(np.unique(labels))
    if not 0 < measured < len(labels):
        return ""
    shown = "all classes" if measured >= classes else f"{measured} of {classes} classes"
    return (
        f"--limit-batches {data.limit_batches}: val scores are of {measured} of {len(labels)} "
        f"samples, spread over {shown}"
    )


def first_images(loader: PlannedLoader, preprocess: Preprocess) -> Tensor:
    """Up to 5000 training images of the first epoch, normalised but not augmented.

    Returns:
        (N, 3, H, W) float32, on the loader's device.
    """
    batches: Any = loader.epoch(0)
    with closing(batches):
        images = [next(batches).images]
        while len(images) * len(images[0]) < NUM_IMAGES and len(images) < len(loader):
            images.append(next(batches).images)
    return preprocess.normalise(torch.cat(images)[:NUM_IMAGES])


def _how_to_hold_out(data: DataConfig) -> str:
    """What a user can do who did not ask for it."""
    return "" if data.val_split == "none" else " (to hold a fifth out: --val-fraction 0.2)"


def loader_config(
    config: RunConfig, world: World, device: torch.device, *, train: bool, tail: Tail
) -> LoaderConfig:
    """What the loader of one of the two splits is told."""
    data = config.data
    plan = data.plan(train, config.optim.epochs, config.runtime.seed)
    return LoaderConfig(
        split=data.train_split if train else data.val_split,
        sampling=data.sampling,
        at_most=0 if train else data.limit_batches * data.batch_size,
        device=device,
        plan=dataclasses.replace(plan, tail=tail, rank=world.rank, world_size=world.size),
        decode=data.decode,
    )


def choose_tail(num_samples: int, batch_size: int, drop_last: bool, world_size: int) -> Tail:
    """What happens to an epoch's last batch: processes need equally many, and norms two samples."""
    if drop_last or (world_size == 1 and num_samples % batch_size == 1 and batch_size > 1):
        return "drop"
    return "pad" if world_size > 1 else "keep"


def data_fingerprint(records: Records, splits: tuple[str, ...], sampling: str = SHUFFLE) -> str:
    """A short hash of what a plan and its targets depend on: sizes, labels, ranges, classes, and
    the weights of samples, their levels and their files' shares where there are any."""
    digest = hashlib.sha256()
    ranges = records.splits
    described = [(name, tuple(ranges.get(split_called(name, ranges) or "", ()))) for name in splits]
    digest.update(repr((described, tuple(records.manifest.classes))).encode())
    for name in splits:
        if name not in ranges and is_expression(name):
            digest.update(records.select(name).tobytes())
    if sampling not in (SHUFFLE, BALANCED):
        weights = sample_weights(sampling, records, np.arange(len(records)))
        assert weights is not None
        digest.update(weights.tobytes())
    for array in (records.heights, records.widths, records.labels):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(records.levels.tobytes())
    shares = [file.share for file in records.files]
    if any(shares):
        digest.update(repr(shares).encode() + records.file_of.tobytes())
    return digest.hexdigest()[:16]
