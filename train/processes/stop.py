"""Ctrl-C and SIGTERM: asked for once, the run saves at the next step and ends."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch

from headrace.train.processes.world import World

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """While entered, catches the first SIGINT or SIGTERM; the second one works as usual.

    Python lets the main thread alone say what a signal does. Entered in another one it catches
    none: signals stay the affair of whoever started that thread, and nothing asks the run to stop.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Callable[..., Any] | int | None] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def agreed(self, world: World, device: torch.device, together: bool) -> bool:
        """Whether to stop now.

        Args:
            world: several processes have to stop at the same step, or they wait for each other.
            device: of the run.
            together: whether this is a step at which all of them meet anyway.
        """
        if world.size == 1:
            return self.requested
        return together and world.any(self.requested, device)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()
        print("\nstopping: saving at the next step (once more to stop at once)", file=sys.stderr)

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()
