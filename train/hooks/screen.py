"""Prints a line for each epoch, and where the time of the first one went."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
        hint: from an epoch's shares of the time to a line on what would change them, shown once.
    """

    def __init__(
        self, epochs: int, shown: bool, best_by: str, hint: Callable[[Mapping[str, float]], str]
    ) -> None:
        self._epochs, self._shown, self._best_by = epochs, shown, best_by
        self._hint: Callable[[Mapping[str, float]], str] | None = hint

    def after_epoch(self, progress: Progress, row: Mapping[str, Any], best: bool) -> None:
        if self._shown:
            print(epoch_line(row, self._epochs, best, self._best_by), flush=True)
            if self._hint is not None and row["epoch"] + 1 < self._epochs:
                print(self._hint(row["shares"]), flush=True)
            self._hint = None
