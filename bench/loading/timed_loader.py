"""The process that holds a source: what it can be asked, and what it answers."""

from __future__ import annotations

import contextlib
import gc
import importlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from headrace.bench.core.process_usage import cpu_percent, cpu_seconds, memory_now
from headrace.bench.loading.loader_under_test import Job, Source, open_source
from headrace.pipeline import PlanConfig, Records, make_plan
from headrace.pipeline.errors import HeadraceError


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


def serve(pipe: Connection, log: str) -> None:
    """The process: answers commands until the parent stops it or goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, _leave)
    # This process inherited our way of starting processes; a DataLoader in a user's own script
    # would have the system's.
    multiprocessing.set_start_method(None, force=True)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)  # libraries talk; the table on screen should stay whole
    os.dup2(output, 2)
    held = _Held()
    commands: dict[str, Callable[..., Any]] = {
        "open": held.open,
        "run": held.run,
        "grow": held.grow,
        "run_part": held.run_part,
        "open_records": _open_records,
        "prepare": _prepare,
    }
    with contextlib.suppress(EOFError, OSError, SystemExit):
        while True:
            command, *arguments = pipe.recv()
            if command == "stop":
                break
            try:
                answer = False, commands[command](*arguments)
            except Exception as error:  # whatever a peer raises is a row of the table
                answer = True, _one_line(error)
            pipe.send(answer)
    held.close()


def _leave(number: int, frame: object) -> None:
    raise SystemExit(0)


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = " ".join(lines[0].split()) if lines else ""
    if isinstance(error, HeadraceError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _prepare(module: str, folder: Path, out: Path) -> None:
    importlib.import_module(module).prepare(folder, out)


def _open_records(path: Path) -> OpenCost:
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


class _Held:
    """The one source of a process."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._epoch = 0

    def open(self, job: Job) -> Opened:
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
        return Opened(first - start, first_images + rest_images, end - first, rest_images)

    def run(self, min_s: float) -> Run:
        assert self._source is not None
        images = 0
        cpu_s, start = cpu_seconds(), time.perf_counter()
        while images == 0 or time.perf_counter() - start < min_s:
            images += sum(self._source.epoch(self._epoch))
            _synchronize()
            self._epoch += 1
        elapsed_s = time.perf_counter() - start
        return Run(images, elapsed_s, cpu_seconds() - cpu_s)

    def run_part(self, job: Job, seconds: float) -> Part:
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
        return Part(first_batch_s, run)

    def grow(self, epochs: int, breaks: int) -> Growth:
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
        if self._source is not None:
            self._source.close()
            self._source = None
            gc.collect()


def _leave_early(batches: Iterator[int]) -> None:
    close = getattr(batches, "close", None)  # as the end of a `for` loop's frame does
    if close is not None:
        close()


def _synchronize() -> None:
    """Waits for the GPU where one is in use, so that the time is that of finished batches."""
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
