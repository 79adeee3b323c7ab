"""A linear rise in front of any schedule.

Source: Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017; here the
first step moves the weights already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Warmed:
    """A schedule behind its warm-up, which ends at the schedule's first learning rate."""

    after: Callable[[int], float]
    warmup_steps: int
    first_step: int = 0
    """Of the run, at which all this begins."""

    def __call__(self, step: int) -> float:
        step = max(0, step - self.first_step)
        if step < self.warmup_steps:
            return self.after(self.warmup_steps) * (step + 1) / self.warmup_steps
        return self.after(step)


def warmup_length(warmup_epochs: float, steps_per_epoch: int, total_steps: int) -> int:
    """Steps of the warm-up, which never takes more than half of the run."""
    return min(round(warmup_epochs * steps_per_epoch), total_steps // 2)
