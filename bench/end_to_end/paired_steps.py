"""A run's steps with its loader's batches and with one batch that is on the device, in turn.

Both are the steps of one model in one process, so that what they differ in is the loader alone.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from headrace.bench.core.process_usage import wait_until_idle
from headrace.bench.device.timing import wait
from headrace.bench.end_to_end.our_run import (
    RunSettings,
    Steps,
    endless,
    open_our_run,
    step,
    timed_steps,
)
from headrace.pipeline.batch import Batch
from headrace.train.state import Run

SETTLING = 10
"""Steps before a loader is timed: it has read ahead while the other steps ran, and that must not
count as its speed."""


@dataclass(frozen=True)
class OpenedRun:
    """What was opened.

    Attributes:
        first_step_s: from before the data was opened to the end of the first step.
        images: of an epoch, as far as they fill batches.
        dtype: that the model computes in.
    """

    first_step_s: float
    images: int
    dtype: str


class PairedSteps:
    """The one run of a process; it answers when it has become idle."""

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._run: Run | None = None
        self._batches: Iterator[Batch] = iter(())
        self._same: Iterator[Batch] = iter(())
        self._settling = SETTLING

    def open(self, settings: RunSettings, settling: int = SETTLING) -> OpenedRun:
        """Opens a run and makes its first steps."""
        began = time.perf_counter()
        self._run = run = open_our_run(settings, "bench/training.py", self._resources)
        self._batches = endless(run)
        first = next(self._batches)
        # A copy: a loader fills its own buffers again.
        self._same = itertools.repeat(Batch(*(tensor.clone() for tensor in first)))
        step(run, first)
        wait(run.device)
        first_step_s = time.perf_counter() - began
        self._settling = settling
        self._timed(self._same, 0, settling)
        images = run.steps_per_epoch * settings.batch_size
        return OpenedRun(first_step_s, images, str(run.precision.dtype).removeprefix("torch."))

    def synthetic(self, min_s: float) -> Steps:
        """Steps with the one batch."""
        return self._timed(self._same, min_s, 1)

    def loaded(self, min_s: float) -> Steps:
        """Steps with the loader's batches, after some that are not timed."""
        return self._timed(self._batches, min_s, self._settling)

    def _timed(self, batches: Iterator[Batch], min_s: float, settling: int) -> Steps:
        assert self._run is not None
        for _ in range(settling):
            step(self._run, next(batches))
        steps = timed_steps(self._run, batches, min_s)
        wait_until_idle()
        return steps

    def close(self) -> None:
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()
        self._resources.close()
