"""The loader protocol, and `open_loader`, the way in.

A loader is a backend (one per decoder, in pipeline/loaders) inside a `PlannedLoader`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict, get_type_hints

import numpy as np
import torch

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.batch import Batch
from headrace.pipeline.command_line import called
from headrace.pipeline.cores import available_cores
from headrace.pipeline.crops.fitting import fit, fit_line
from headrace.pipeline.crops.settings import Size
from headrace.pipeline.data_files import DataPath
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.installed import is_installed
from headrace.pipeline.loaders import LOADERS, WITHOUT_LEVELS
from headrace.pipeline.loaders.settings import Workers
from headrace.pipeline.pick_evenly import pick_evenly
from headrace.pipeline.plan import Tail, make_plan
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.pipeline.shares import mix_of
from headrace.pipeline.value_types import check_types

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Loader(Protocol):
    """What training and benchmarks rely on."""

    def __len__(self) -> int:
        """Batches per epoch."""
        ...

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]: ...

    def close(self) -> None: ...


class LoaderSettings(TypedDict, total=False):
    """The settings of a LoaderConfig under their flat names; see the dataclasses for each.

    From pipeline/backend.py, plan.py, crops/settings.py and loaders/settings.py.
    """

    split: str | None
    sampling: str
    at_most: int
    device: str | torch.device
    batch_size: int
    seed: int
    train: bool
    repeats: int
    tail: Tail
    rank: int
    world_size: int
    size: Size | None
    size_schedule: tuple[str, ...]
    epochs: int
    geometry: str | None
    crop_mode: str | None
    crop_scale: tuple[float, float]
    crop_ratio: tuple[float, float]
    crop_padding: int
    flip: float
    flip_alternates: bool
    eval_size: Size | None
    eval_mode: str | None
    eval_crop: float | None
    sharpness: float
    eval_sharpness: float
    loader: str
    workers: Workers
    resident_memory: float
    on_bad_sample: Literal["raise", "skip"]
    check_bytes: Literal["jpeg", "all", "off"]


def open_loader(
    path: DataPath | Records,
    config: LoaderConfig | None = None,
    **settings: Unpack[LoaderSettings],
) -> PlannedLoader:
    """Opens a loader on packed records or an image folder.

    Every loader carries out the same plan: for one seed and epoch the same indices, boxes and
    flips, at any number of workers. What is not said is as in training: crops of 25 to 100% of the
    area at 128 px; images of about 32 px are cut at 32 px with padding, which is printed.

    Args:
        path: a .beton, WebDataset shards, an image folder, several packed files, each but the first
            perhaps with a `:SHARE` of the epoch, or Records already open.
        config: every setting; by default LoaderConfig().
        settings: single ones in its place, by name: `split`, `size`, `batch_size` (samples per step
            over all processes together), `loader`, `train`, `seed`, `workers`, `device` and the
            rest of LoaderSettings.

    Raises:
        RecordsError: if the records cannot be opened or have no such split.
        ClosedError: if the records are closed.
        ConfigError: for a setting that is unknown or cannot work.
        MissingPackageError: if the loader needs a package that is not installed.
    """
    check_types(settings, get_type_hints(LoaderSettings))
    if not isinstance(config, LoaderConfig | None):
        raise ConfigError(f"config is a {type(config).__name__}, expected a LoaderConfig")
    config = with_values(config or LoaderConfig(), settings)
    records = path if isinstance(path, Records) else Records.open(path)
    records.check_open()
    config = _fitted(config, records)
    chosen = chosen_samples(records, config)
    mix = mix_of(records, chosen, config.sampling) if config.plan.train else None
    name = config.decode.loader
    if name == "auto":
        name = choose_loader(records, config, chosen)
    open_backend = importlib.import_module(LOADERS[name]).open_backend
    workers = config.decode.workers
    if workers == "auto" and name != "resident":  # which decodes once and for all
        from headrace.pipeline.tuning import pick_workers

        levels = None if name in WITHOUT_LEVELS else records.levels
        plan = make_plan(
            records.heights, records.widths, chosen, config.plan, epoch=0, stored=levels
        )
        workers = pick_workers(open_backend, records, config, chosen, plan, available_cores())
    elif not isinstance(workers, int):
        workers = available_cores()
    config = with_values(config, {"workers": workers})
    return PlannedLoader(name, records, config, chosen, open_backend(records, config, chosen), mix)


def chosen_samples(records: Records, config: LoaderConfig) -> np.ndarray:
    """(n,) int64: the records that take part.

    Raises:
        RecordsError: if there is no such split.
    """
    chosen = records.select(config.split)
    return pick_evenly(chosen, records.labels, config.at_most) if config.at_most else chosen


def _fitted(config: LoaderConfig, records: Records) -> LoaderConfig:
    """The settings with what small images get where nobody has said it, which is printed."""
    said = config.plan.crop
    crop = fit(said, records.heights, records.widths)
    if line := fit_line(said, crop):
        print(line)
    return with_values(config, {"size": crop.size, "geometry": crop.geometry})


def choose_loader(records: Records, config: LoaderConfig, chosen: np.ndarray) -> str:
    """The loader that `auto` takes; prints it with the reason.

    `resident` if what crops are read from fits undiminished into the device's memory budget, else
    `dali` on CUDA if it decodes there, else `native`; `torchvision` for what is not packed.

    Args:
        chosen: (n,) int64, the records that take part.
    """
    name, reason = _choice(records, config, chosen)
    print(f"loader: {name} ({reason})")
    return name


def _choice(records: Records, config: LoaderConfig, chosen: np.ndarray) -> tuple[str, str]:
    if records.kind == "folder":
        return "torchvision", f"{records.path} is a folder; {called('pack')} makes it faster"
    from headrace.pipeline.loaders.resident import kept_bytes, memory_budget

    needed, budget = kept_bytes(records, config, chosen), memory_budget(config)
    if needed <= budget:
        return "resident", f"the split takes {_gib(needed)} of {_gib(budget)} memory allowed"
    too_large = f"the split would take {_gib(needed)} of {_gib(budget)} memory allowed"
    if config.device.type != "cuda":
        return "native", too_large
    if not is_installed("nvidia.dali"):
        return "native", f"{too_large}; DALI is not installed"
    from headrace.pipeline.loaders.dali_check import checked_way

    verdict = checked_way(config.device)
    if verdict.way is None:
        return "native", f"{too_large}; on this GPU DALI does not decode: {verdict.reason}"
    return "dali", f"{too_large}; decodes on the GPU"


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.2f} GiB"
