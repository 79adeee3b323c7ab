"""--profile: a trace of a few steps, of what the host and the device did when.

Source: torch.profiler, whose Chrome trace ui.perfetto.dev and chrome://tracing show.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from headrace.pipeline.wording import counted
from headrace.train.clock import Clock
from headrace.train.hooks import Hook
from headrace.train.progress import Progress

FIRST_STEPS = 5
"""Left out: a loader's start, compiling, and the choice of algorithms are in them."""
RECORDED_STEPS = 3
"""So few that the trace stays small, whatever the length of the run."""


class Profiler(Hook):
    """Records some steps of the process that it is in, once; the phases of the clock are in it.

    Args:
        path: of the trace.
        clock: the run's, whose phases get their marks.
        device: of the run.
        steps: that the run has before it; the trace begins earlier in a short one.
        say: shows a line to the user.
    """

    def __init__(
        self, path: Path, clock: Clock, device: torch.device, steps: int, say: Callable[[str], None]
    ) -> None:
        self._path, self._clock, self._say = path, clock, say
        self._skipped = max(0, min(FIRST_STEPS, steps - RECORDED_STEPS))
        activities = [ProfilerActivity.CPU]
        if device.type == "cuda":
            activities.append(ProfilerActivity.CUDA)
        self._activities = activities
        self._profile: Any = None
        self._count = 0
        self._done = False
        if not self._skipped:
            self._start()

    def after_step(self, progress: Progress) -> None:
        self._count += 1
        if not self._done and self._count == self._skipped:
            self._start()
        elif self._count == self._skipped + RECORDED_STEPS:
            self.close()

    def close(self) -> None:
        """Writes the trace, if one is under way."""
        recording, self._profile = self._profile, None
        if recording is None:
            return
        self._done, self._clock.marked = True, False
        recording.stop()
        recording.export_chrome_trace(str(self._path))
        steps = counted(max(0, self._count - self._skipped), "step")
        size = self._path.stat().st_size / 2**20
        self._say(f"profile: {steps} in {self._path} ({size:.1f} MB); open it at ui.perfetto.dev")

    def _start(self) -> None:
        self._clock.marked = True
        # What the profiler's library says on stderr of itself is for its authors.
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")
        self._profile = profile(activities=self._activities)
        self._profile.start()
