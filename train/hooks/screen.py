"""Prints a line for each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.train.display import epoch_line
from headrace.train.hooks import Hook
from headrace.train.progress import Progress


class Screen(Hook):
    """For the process that a user sees.

    Args:
        epochs: of the whole run.
        shown: whether this process is that one.
    """

    def __init__(self, epochs: int, shown: bool) -> None:
        self._epochs, self._shown = epochs, shown

    def after_epoch(self, progress: Progress, row: Mapping[str, Any], best: bool) -> None:
        if self._shown:
            print(epoch_line(row, self._epochs, best), flush=True)
