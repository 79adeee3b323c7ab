"""Where loading is measured: opens a source, runs its epochs, and looks at time and memory.

It lives in the process of the loader; see loader_process.py for the other end.
"""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headrace.bench.core.process_usage import (
    cpu_percent,
    cpu_seconds,
    memory_now,
    wait_until_idle,
)
from headrace.bench.loading.loader_under_test import Job, Source
from headrace.bench.loading.sources import open_source
from headrace.pipeline.plan import PlanConfig, make_plan
from headrace.pipeline.records import Records


@dataclass(frozen=True)
class Opened:
    """What opening a source took.

    Attributes:
        first_batch_s: from before the source is made to its first batch.
        images: of the whole epoch.
        rest_s: from the first batch to the end of the epoch.
        rest_images: images in that time.
    """

    first_batch_s: float
    images: int
    rest_s: float
    rest_images: int


@dataclass(frozen=True)
class Run:
    """Whole epochs, timed."""

    images: int
    elapsed_s: float
    cpu_s: float

    @property
    def images_per_s(self) -> float:
        return self.images / self.elapsed_s

    @property
    def cpu_percent(self) -> float:
        """Of all available cores."""
        return cpu_percent(self.cpu_s, self.elapsed_s)


@dataclass(frozen=True)
class Growth:
    """Memory in MB after the first epoch, after each later one, and after each early break.

    Mapped files do not count: their pages come and go with the page cache.
    """

    first_mb: float
    epochs_mb: list[float]
    breaks_mb: list[float]

    @property
    def growth_mb(self) -> float:
        """From the end of the first epoch to the end of all."""
        return (self.breaks_mb or self.epochs_mb or [self.first_mb])[-1] - self.first_mb


@dataclass(frozen=True)
class OpenCost:
    """What opening a record file and planning an epoch take.

    Attributes:
        open_s, plan_s: time of each.
        rss_mb: memory that opening added, touched pages of the file included.
        private_mb: the same without the file.
    """

    open_s: float
    plan_s: float
    rss_mb: float
    private_mb: float


@dataclass(frozen=True)
class Part:
    """A part of an epoch."""

    first_batch_s: float
    run: Run


class TimedLoader:
    """The one source of a process: opened, run and timed, between waits for the GPU.

    It answers when it has become idle, so that what reads ahead slows nobody who is timed next.
    """

    def __init__(self) -> None:
        self._source: Source | None = None
        self._epoch = 0

    def open(self, job: Job) -> Opened:
        """Opens a source and runs its first epoch."""
        self.close()
        start = time.perf_counter()
        source = self._source = open_source(job)
        batches = source.epoch(0)
        first_images = next(batches)
        first = time.perf_counter()
        rest_images = sum(batches)
        _synchronize()
        self._epoch = 1
        end = time.perf_counter()
        wait_until_idle()
        return Opened(first - start, first_images + rest_images, end - first, rest_images)

    def run(self, min_s: float) -> Run:
        """Whole epochs, until `min_s` seconds are over."""
        assert self._source is not None
        images = 0
        cpu_s, start = cpu_seconds(), time.perf_counter()
        while images == 0 or time.perf_counter() - start < min_s:
            images += sum(self._source.epoch(self._epoch))
            _synchronize()
            self._epoch += 1
        run = Run(images, time.perf_counter() - start, cpu_seconds() - cpu_s)
        wait_until_idle()
        return run

    def run_part(self, job: Job, seconds: float) -> Part:
        """Opens a source and takes batches of its first epoch until the time is over."""
        self.close()
        start = time.perf_counter()
        source = self._source = open_source(job)
        batches = source.epoch(0)
        next(batches)
        first_batch_s = time.perf_counter() - start
        images, cpu_s, start = 0, cpu_seconds(), time.perf_counter()
        for count in batches:
            images += count
            if time.perf_counter() - start >= seconds:
                break
        _synchronize()
        run = Run(images, time.perf_counter() - start, cpu_seconds() - cpu_s)
        _leave_early(batches)
        wait_until_idle()
        return Part(first_batch_s, run)

    def grow(self, epochs: int, breaks: int) -> Growth:
        """Epochs, then early breaks, with a look at the memory after each."""
        assert self._source is not None
        first = self._settled_mb()  # opening ran one epoch
        after_epochs, after_breaks = [], []
        for _ in range(epochs):
            self.run(0)
            after_epochs.append(self._settled_mb())
        for _ in range(breaks):
            batches = self._source.epoch(self._epoch)
            for _ in range(2):
                next(batches, None)
            _leave_early(batches)
            del batches
            self._epoch += 1
            after_breaks.append(self._settled_mb())
        return Growth(first, after_epochs, after_breaks)

    def _settled_mb(self) -> float:
        gc.collect()
        return memory_now().private_mb

    def close(self) -> None:
        """Closes the source, if one is open."""
        if self._source is not None:
            self._source.close()
            self._source = None
            gc.collect()

    def prepare(self, module: str, folder: Path, out: Path) -> None:
        """Has a peer's module make its own format of a folder."""
        importlib.import_module(module).prepare(folder, out)

    def open_records(self, path: Path) -> OpenCost:
        """Opens a record file and plans an epoch, without any loader."""
        gc.collect()
        before, start = memory_now(), time.perf_counter()
        with Records.open(path) as records:
            opened = time.perf_counter()
            after = memory_now()
            started = time.perf_counter()
            span = records.split(next(iter(records.splits)))
            plan = make_plan(records.heights, records.widths, span, PlanConfig(), 0)
            planned = time.perf_counter()
            assert plan.num_batches
        return OpenCost(
            opened - start,
            planned - started,
            after.rss_mb - before.rss_mb,
            after.private_mb - before.private_mb,
        )


def _leave_early(batches: Iterator[int]) -> None:
    close = getattr(batches, "close", None)  # as the end of a `for` loop's frame does
    if close is not None:
        close()


def _synchronize() -> None:
    """Waits for the GPU where one is in use, so that the time is that of finished batches."""
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
