"""The loader protocol, and `open_loader`, the way in.

A loader is a backend (one per decoder, in pipeline/loaders) inside `PlannedLoader`, which holds
what all of them share: the plan, labels, bad samples, the copy to the device, and leaving an
epoch early.
"""

from __future__ import annotations

import importlib
import os
import threading
import weakref
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch

from pipeline.batch import Batch
from pipeline.cores import available_cores
from pipeline.device import resolve_device, to_device
from pipeline.errors import BadSampleError, ClosedError, ConfigError
from pipeline.installed import is_installed
from pipeline.pixels import crop_resize
from pipeline.plan import EpochPlan, PlanConfig, Tail, make_plan, num_batches
from pipeline.records import Records

MAX_SIZE_PX = 4096
LOADERS = {
    "torchvision": "pipeline.loaders.torchvision",
    "ffcv": "pipeline.loaders.ffcv",
    "dali": "pipeline.loaders.dali",
    "native": "pipeline.loaders.native",
    "resident": "pipeline.loaders.resident",
}
"""Loader names and the modules that define `open_backend(records, config) -> Backend`."""


class Decoded(NamedTuple):
    """One batch as a backend delivers it.

    Attributes:
        images: (B, 3, S, S) uint8 channels_last, on the CPU or already on the target device.
        bad: (slot in the batch, reason) of each sample that could not be decoded.
    """

    images: torch.Tensor
    bad: list[tuple[int, str]]


class Backend(Protocol):
    """Carries out a plan with one decoder."""

    def stream(self, plan: EpochPlan, start: int) -> Generator[Decoded, None, None]:
        """Yields batches `start` to the last; closing it early must leave nothing behind."""
        ...

    def close(self) -> None: ...


class Loader(Protocol):
    """What training and benchmarks rely on."""

    def __len__(self) -> int:
        """Batches per epoch."""
        ...

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class LoaderConfig:
    """Everything a loader needs besides the records.

    Attributes:
        split: name of the split, None for every sample.
        size: side of the images in a batch, px.
        workers: decoding threads or processes; 0 decodes in the calling thread where the
            backend can.
        device: where batches end up.
        on_bad_sample: `raise` a BadSampleError, or `skip`: put the plan's next sample in its place.
        resident_memory: share of the device's free memory that the resident loader may take.
        plan: order, crops and sharding.
    """

    split: str | None = "train"
    size: int = 128
    workers: int = 2
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    on_bad_sample: Literal["raise", "skip"] = "raise"
    resident_memory: float = 0.5
    plan: PlanConfig = field(default_factory=PlanConfig)

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MAX_SIZE_PX:
            raise ConfigError(f"size is {self.size}, expected 1 to {MAX_SIZE_PX} px")
        if self.workers < 0:
            raise ConfigError(f"workers is {self.workers}, expected 0 or more")
        if self.on_bad_sample not in ("raise", "skip"):
            raise ConfigError(f"on_bad_sample is {self.on_bad_sample!r}, expected raise or skip")
        if not 0 < self.resident_memory <= 1:
            raise ConfigError(
                f"resident_memory is {self.resident_memory}, expected a share above 0 and at most 1"
            )

    @property
    def rank_batch_size(self) -> int:
        """Largest batch that this process gets."""
        return self.plan.batch_size // self.plan.world_size


_all_running: weakref.WeakSet[_Running] = weakref.WeakSet()
_inherited: list[_Running] = []
"""What a forked child has of its parent's loaders: kept, since to let go of it would wait for
threads that were not copied, or stop worker processes that are the parent's."""


def _after_fork() -> None:
    _inherited.extend(_all_running)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Running:
    """The epoch under way, if any, and what it runs on; one thread at a time goes on with it.

    It does not know the loader, which may be collected in the middle of an epoch.

    Attributes:
        process: number of the process that opened the loader.
        num_skipped: bad samples replaced so far.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.num_skipped = 0
        self._batches: Generator[Batch, None, None] | None = None
        self._lock = threading.RLock()
        self.process = os.getpid()
        _all_running.add(self)

    def check_process(self) -> None:
        """Refuses to go on in a child that `os.fork` made: threads are not copied into it.

        Raises:
            ConfigError: naming both processes.
        """
        if os.getpid() != self.process:
            raise ConfigError(
                f"this loader was opened in process {self.process} and cannot be used in its "
                f"forked child {os.getpid()}; open another one there"
            )

    def begin(self, batches: Generator[Batch, None, None]) -> None:
        with self._lock:
            self.end()
            self._batches = batches

    def advance(self, batches: Generator[Batch, None, None]) -> Batch:
        """The next of `batches`; StopIteration also if they were ended meanwhile."""
        self.check_process()
        with self._lock:
            return next(batches)

    def end(self, batches: Generator[Batch, None, None] | None = None) -> None:
        """Ends the epoch under way, or only if it is the one given."""
        # Asked without the lock: collecting an iterator long ended must not wait for another.
        if self._batches is None or (batches is not None and batches is not self._batches):
            return
        with self._lock:
            under_way, self._batches = self._batches, None
            if under_way is not None:
                under_way.close()

    def release(self) -> None:
        """Ends the epoch, then the backend; in a forked child neither is there."""
        if os.getpid() == self.process:
            try:
                self.end()
            finally:
                self.backend.close()


class EpochIterator(Iterator[Batch]):
    """The batches of one epoch; see `PlannedLoader.epoch`.

    Held by whoever iterates, it keeps the loader alive. Dropping it, or `close`, ends the epoch.
    """

    def __init__(
        self, loader: PlannedLoader, running: _Running, batches: Generator[Batch, None, None]
    ) -> None:
        self._loader, self._running, self._batches = loader, running, batches

    def __next__(self) -> Batch:
        return self._running.advance(self._batches)

    def close(self) -> None:
        """Ends the epoch; does nothing if it has ended already."""
        self._running.end(self._batches)

    def __del__(self) -> None:
        if os.getpid() == self._running.process:
            self.close()


class PlannedLoader:
    """Yields the batches of a plan; see `open_loader`.

    Attributes:
        name: which loader this is.
        records: what it reads.
        config: its settings.
    """

    def __init__(self, name: str, records: Records, config: LoaderConfig, backend: Backend) -> None:
        self.name = name
        self.records = records
        self.config = config
        self._span = records.split(config.split)
        self._running = _Running(backend)
        self._closed = False
        # Threads inside a native library at the interpreter's end abort it, so a loader that
        # nobody closed is closed then, or when it is collected.
        self._let_go = weakref.finalize(self, self._running.release)

    def __len__(self) -> int:
        return num_batches(len(self._span), self.config.plan)

    @property
    def num_skipped(self) -> int:
        """Bad samples replaced so far."""
        return self._running.num_skipped

    def plan(self, epoch: int) -> EpochPlan:
        """What `epoch(epoch)` is going to load."""
        records = self.records
        return make_plan(records.heights, records.widths, self._span, self.config.plan, epoch)

    def epoch(self, epoch: int = 0, start: int = 0) -> EpochIterator:
        """Iterates over an epoch's batches from batch `start` on.

        Leaving the iteration early is fine. A loader runs one epoch at a time: starting another
        ends the one before.

        Raises:
            BadSampleError: while iterating, at a sample that cannot be decoded.
            ClosedError: if the loader is closed, or, while iterating too, its records are.
            ConfigError: if `start` is not between 0 and the number of batches, or in a forked
                child of the process that opened the loader.
        """
        if self._closed:
            raise ClosedError("this loader is closed; open another")
        self.records.check_open()
        self._running.check_process()
        if not 0 <= start <= len(self):
            raise ConfigError(f"start is {start}, expected 0 to {len(self)} batches")
        self._running.end()
        batches = to_device(
            _batches(self.records, self.config, self._running, self.plan(epoch), start),
            self.config.device,
        )
        self._running.begin(batches)
        return EpochIterator(self, self._running, batches)

    def close(self) -> None:
        """Ends a running epoch and lets go of threads, processes and buffers."""
        if not self._closed:
            self._closed = True
            self._let_go()

    def __enter__(self) -> PlannedLoader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _batches(
    records: Records, config: LoaderConfig, running: _Running, plan: EpochPlan, start: int
) -> Generator[Batch, None, None]:
    """A plan's batches as the backend makes them, with labels, and bad samples dealt with."""
    if start >= plan.num_batches:
        return
    with closing(running.backend.stream(plan, start)) as stream:
        for step, (images, bad) in enumerate(stream, start):
            records.check_open()
            places = plan.batch_slice(step)
            indices = plan.indices[places].copy()
            for slot, reason in bad:
                index = int(indices[slot])
                error = BadSampleError(index, records.name(index), reason)
                if config.on_bad_sample == "raise":
                    raise error
                indices[slot] = _replace(records, images, slot, plan, places.start + slot, error)
                running.num_skipped += 1
            labels = torch.from_numpy(records.labels[indices])
            yield Batch(images, labels, torch.from_numpy(indices))


def _replace(
    records: Records,
    images: torch.Tensor,
    slot: int,
    plan: EpochPlan,
    place: int,
    error: BadSampleError,
) -> int:
    """Fills a slot with the next sample of the plan that decodes; returns its index."""
    for step in range(1, len(plan.indices)):
        other = (place + step) % len(plan.indices)
        index = int(plan.indices[other])
        try:
            image = records.decode(index)
        except BadSampleError:
            continue
        pixels = crop_resize(image, plan.boxes[other], bool(plan.flips[other]), images.shape[-1])
        images[slot] = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
        return index
    raise error


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
        split: its name; None takes every sample.
        size: side of the square images, px.
        batch_size: per process.
        loader: `auto` or one of LOADERS.
        seed: of order, crops and flips.
        workers: decoding threads or processes; None takes one per available core, `auto` tries
            some for a second or two and prints what it picked.
        device: `cpu`, `cuda`, `cuda:1`, or `auto`.
        train: random order, crops and flips; False gives ascending order and the centre square.
        crop_scale, crop_ratio, flip, eval_crop, tail: see PlanConfig.
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
            tail=tail,
            rank=rank,
            world_size=world_size,
        ),
    )
    records.split(split)
    name = choose_loader(records, config) if loader == "auto" else loader
    if name not in LOADERS:
        raise ConfigError(f"loader is {name!r}, expected auto, {', '.join(LOADERS)}")
    open_backend = importlib.import_module(LOADERS[name]).open_backend
    if workers == "auto" and name != "resident":  # which decodes once and for all
        from pipeline.tuning import pick_workers

        span = records.split(split)
        plan = make_plan(records.heights, records.widths, span, config.plan, epoch=0)
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
        return "torchvision", f"{records.path} is a folder; tools/pack.py makes it faster"
    from pipeline.loaders.resident import full_size_bytes, memory_budget

    needed, budget = full_size_bytes(records, config), memory_budget(config)
    if needed <= budget:
        return "resident", f"the split takes {_gib(needed)} of {_gib(budget)} memory allowed"
    too_large = f"the split would take {_gib(needed)} of {_gib(budget)} memory allowed"
    if config.device.type != "cuda":
        return "native", too_large
    if not is_installed("nvidia.dali"):
        return "native", f"{too_large}; nvidia-dali-cuda120 is not installed"
    return "dali", f"{too_large}; decodes on the GPU"


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.2f} GiB"
