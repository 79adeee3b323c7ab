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
        best_by: what decides which epoch is the best.
    """

    def __init__(self, epochs: int, shown: bool, best_by: str = "accuracy") -> None:
        self._epochs, self._shown, self._best_by = epochs, shown, best_by

    def after_epoch(self, progress: Progress, row: Mapping[str, Any], best: bool) -> None:
        if self._shown:
            print(epoch_line(row, self._epochs, best, self._best_by), flush=True)
