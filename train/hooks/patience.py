"""Early stopping: ends a run whose evaluations have not got better for some epochs.

Source: Prechelt, "Early stopping, but when?", 1998; what is counted here are the evaluations since
the best one, as is usual today.
"""

from __future__ import annotations

from headrace.train.hooks import Hook
from headrace.train.progress import Progress


class Patience(Hook):
    """Early stopping; what it counts is in the run's progress, as the best epoch is.

    Args:
        patience: epochs without a better evaluation before the end; 0 waits for ever.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def wants_end(self, progress: Progress) -> bool:
        return 0 < self._patience <= progress.bad_epochs
