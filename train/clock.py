"""Where the time of a run goes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

import torch
from torch.profiler import record_function

PHASES = ("data", "augment", "step", "evaluate", "save")
_ON_DEVICE = ("augment", "step")


class Clock:
    """Seconds per phase and in total, over all the parts of a run that was resumed.

    `data` is how long the host waited for a batch. On CUDA the host only launches `augment` and
    `step`, so those are measured by events on the device and added up at the sync points that
    there are anyway; they may overlap with `data`.

    Args:
        device: where the run computes.
        before: seconds of the earlier parts of the same run.

    Attributes:
        marked: whether a profiler is to see the phases by their names.
    """

    def __init__(self, device: torch.device, before: Mapping[str, float] | None = None) -> None:
        self.marked = False
        self._cuda = device.type == "cuda"
        self._open: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self.load_state_dict(before or {})

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Counts what happens inside as `name`."""
        with record_function(name) if self.marked else nullcontext(), self._counted(name):
            yield

    @contextmanager
    def _counted(self, name: str) -> Iterator[None]:
        if self._cuda and name in _ON_DEVICE:
            first = torch.cuda.Event(enable_timing=True)
            last = torch.cuda.Event(enable_timing=True)
            first.record()
            yield
            last.record()
            self._open.append((name, first, last))
            return
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started

    def collect(self) -> None:
        """Adds up the device's events; call it at a sync point."""
        for name, first, last in self._open:
            last.synchronize()
            self.seconds[name] += first.elapsed_time(last) / 1000
        self._open.clear()

    @property
    def total(self) -> float:
        return self._before + time.perf_counter() - self._started

    def snapshot(self) -> dict[str, float]:
        """Seconds per phase and in `total`, so far."""
        return {**self.seconds, "total": self.total}

    def state_dict(self) -> dict[str, float]:
        return self.snapshot()

    def load_state_dict(self, before: Mapping[str, float]) -> None:
        """Starts anew, after the seconds of earlier parts of the same run."""
        self.seconds = {phase: before.get(phase, 0.0) for phase in PHASES}
        self._before = before.get("total", 0.0)
        self._started = time.perf_counter()


class Lap:
    """The seconds since an epoch began, over all the parts of a run that was resumed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began: dict[str, float] = {}

    def begin(self) -> None:
        self._began = self._clock.snapshot()

    def spent(self) -> dict[str, float]:
        """Seconds per phase and in `total`."""
        return difference(self._clock.snapshot(), self._began)

    def state_dict(self) -> dict[str, float]:
        """What the clock showed when the epoch began."""
        return self._began

    def load_state_dict(self, began: dict[str, float]) -> None:
        self._began = began


def difference(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Seconds between two snapshots."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def speeds(num_images: float, spent: Mapping[str, float]) -> dict[str, float]:
    """Images per second but for saving, and the share of the time that was waiting for data.

    Args:
        num_images: that were trained on.
        spent: seconds meanwhile, per phase and in `total`.
    """
    return {
        "images_per_s": num_images / max(1e-9, spent["total"] - spent["save"]),
        "data_wait": spent["data"] / max(1e-9, spent["total"]),
    }


def spell(seconds: float) -> str:
    """A duration as a reader says it: 45.2 s, 3 min 12 s, 1 h 02 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
