"""Ctrl-C, SIGTERM and SIGHUP: asked for once, the run saves at the next step and ends."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch

from headrace.pipeline.interrupts import HANGUP, TO_END, let_go_of_gone_terminal
from headrace.train.processes.world import World


class StopRequest:
    """While entered, catches the first SIGINT or SIGTERM; the second one works as usual.

    SIGHUP, of a terminal that was closed, asks likewise, and ends nothing however often it comes:
    shell and system both send it, some behind a SIGTERM. Who has it ignored, as by nohup, is asked
    by none.

    Python lets the main thread alone say what a signal does. Entered in another one it catches
    none: signals stay the affair of whoever started that thread, and nothing asks the run to stop.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Callable[..., Any] | int | None] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in TO_END:
            if number != HANGUP or signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore(*self._previous)

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
        let_go_of_gone_terminal()
        if number != HANGUP:
            self._restore(signal.SIGINT, signal.SIGTERM)
        if not self.requested:
            line = "\nstopping: saving at the next step (once more to stop at once)"
            print(line, file=sys.stderr)
        self.requested = True

    def _restore(self, *numbers: int) -> None:
        for number in numbers:
            if number in self._previous:
                signal.signal(number, self._previous.pop(number))
