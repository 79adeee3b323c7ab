"""The loader protocol, and `open_loader`, the way in.

A loader is a backend (one per decoder, in pipeline/loaders) inside a `PlannedLoader`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

import torch

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.batch import Batch
from headrace.pipeline.command_line import called
from headrace.pipeline.cores import available_cores
from headrace.pipeline.device import resolve_device
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.installed import is_installed
from headrace.pipeline.loaders import LOADERS
from headrace.pipeline.plan import PlanConfig, Tail, make_plan
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records


class Loader(Protocol):
    """What training and benchmarks rely on."""

    def __len__(self) -> int:
        """Batches per epoch."""
        ...

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]: ...

    def close(self) -> None: ...


def open_loader(
    path: str | Path | Records,
    *,
    split: str | None = "train",
    size: int = 128,
    batch_size: int = 256,
    loader: str = "auto",
    seed: int = 0,
    workers: int | Literal["auto"] | None = None,
    device: str | torch.device = "cpu",
    train: bool = True,
    crop_scale: tuple[float, float] = (0.08, 1.0),
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3),
    flip: float = 0.5,
    eval_crop: float = 0.875,
    sampling: str = "shuffle",
    repeats: int = 1,
    tail: Tail = "keep",
    rank: int = 0,
    world_size: int = 1,
    on_bad_sample: Literal["raise", "skip"] = "raise",
    resident_memory: float = 0.5,
) -> PlannedLoader:
    """Opens a loader on packed records or an image folder.

    Every loader carries out the same plan: for one seed and epoch the same indices, boxes and
    flips, at any number of workers.

    Args:
        path: a .beton, WebDataset shards, an image folder, or Records already open.
        split: its name, or several: `train+val`, `fold*-fold2`, `train[:10%]`; None takes every
            sample. See pipeline/selection.py.
        size: side of the square images, px.
        batch_size: per process.
        loader: `auto` or one of LOADERS.
        seed: of order, crops and flips.
        workers: decoding threads or processes; None takes one per available core, `auto` tries
            some for a second or two and prints what it picked.
        device: `cpu`, `cuda`, `cuda:1`, or `auto`.
        train: random order, crops and flips; False gives ascending order and the centre square.
        crop_scale, crop_ratio, flip, eval_crop, repeats, tail: see PlanConfig.
        sampling: in training: `shuffle`, `balanced` or a file of weights, see pipeline/sampling.py.
        rank, world_size: this process among all; ranks get disjoint samples.
        on_bad_sample: `raise`, or `skip` to load the plan's next sample instead.
        resident_memory: share of the device's free memory that `resident` may take.

    Raises:
        RecordsError: if the records cannot be opened or have no such split.
        ClosedError: if the records are closed.
        ConfigError: for a setting that cannot work.
        MissingPackageError: if the loader needs a package that is not installed.
    """
    records = path if isinstance(path, Records) else Records.open(path)
    records.check_open()
    config = LoaderConfig(
        split=split,
        size=size,
        sampling=sampling,
        workers=workers if isinstance(workers, int) else available_cores(),
        device=resolve_device(device),
        on_bad_sample=on_bad_sample,
        resident_memory=resident_memory,
        plan=PlanConfig(
            batch_size=batch_size * world_size,
            seed=seed,
            train=train,
            crop_scale=crop_scale,
            crop_ratio=crop_ratio,
            flip=flip,
            eval_crop=eval_crop,
            repeats=repeats,
            tail=tail,
            rank=rank,
            world_size=world_size,
        ),
    )
    chosen = records.select(split)
    name = choose_loader(records, config) if loader == "auto" else loader
    if name not in LOADERS:
        raise ConfigError(f"loader is {name!r}, expected auto, {', '.join(LOADERS)}")
    open_backend = importlib.import_module(LOADERS[name]).open_backend
    if workers == "auto" and name != "resident":  # which decodes once and for all
        from headrace.pipeline.tuning import pick_workers

        plan = make_plan(records.heights, records.widths, chosen, config.plan, epoch=0)
        picked = pick_workers(open_backend, records, config, plan, available_cores())
        config = replace(config, workers=picked)
    elif isinstance(workers, str) and workers != "auto":
        raise ConfigError(f"workers is {workers!r}, expected a number or auto")
    return PlannedLoader(name, records, config, open_backend(records, config))


def choose_loader(records: Records, config: LoaderConfig) -> str:
    """The loader that `auto` takes; prints it with the reason.

    `resident` if the split fits undiminished into the device's memory budget, else `dali` on
    CUDA, else `native`; `torchvision` for what is not packed.
    """
    name, reason = _choice(records, config)
    print(f"loader: {name} ({reason})")
    return name


def _choice(records: Records, config: LoaderConfig) -> tuple[str, str]:
    if records.kind == "folder":
        return "torchvision", f"{records.path} is a folder; {called('pack')} makes it faster"
    from headrace.pipeline.loaders.resident import full_size_bytes, memory_budget

    needed, budget = full_size_bytes(records, config), memory_budget(config)
    if needed <= budget:
        return "resident", f"the split takes {_gib(needed)} of {_gib(budget)} memory allowed"
    too_large = f"the split would take {_gib(needed)} of {_gib(budget)} memory allowed"
    if config.device.type != "cuda":
        return "native", too_large
    if not is_installed("nvidia.dali"):
        return "native", f"{too_large}; DALI is not installed"
    return "dali", f"{too_large}; decodes on the GPU"


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.2f} GiB"
