"""The stretch of steps over which a schedule goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Span:
    """A run as its schedule sees it.

    Attributes:
        peak: the highest learning rate.
        steps_per_epoch: optimizer steps of an epoch.
        total_steps: of the whole run.
        warmup_steps: of the rise at its beginning.
    """

    peak: float
    steps_per_epoch: int
    total_steps: int
    warmup_steps: int = 0

    def done(self, step: int) -> float:
        """How much of what follows the warm-up lies before a step, from 0 to 1."""
        length = max(1, self.total_steps - self.warmup_steps)
        return min(1.0, (step - self.warmup_steps) / length)

    def epoch(self, step: int) -> int:
        """The epoch that a step is in, counted from the beginning of the run."""
        return step // self.steps_per_epoch

    def steps(self, epochs: float) -> int:
        """The whole number of steps nearest to so many epochs."""
        return round(epochs * self.steps_per_epoch)
