"""A learning rate that falls by a factor at given epochs.

Source: He et al., "Deep residual learning for image recognition", CVPR 2016, where it falls after
half and three quarters of the run; torch.optim.lr_scheduler.MultiStepLR.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from headrace.train.schedules.span import Span
from headrace.train.settings.technique import ABOVE_ZERO, Technique, check, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of the falls."""

    milestones: tuple[float, ...] = ()
    """Epochs, counted from the beginning of the run, after which the learning rate falls; by
    default half and three quarters of all."""
    decay_factor: float = 0.1
    """What the learning rate is multiplied by at each."""

    def __post_init__(self) -> None:
        check_all(self, {"decay_factor": ABOVE_ZERO})
        rising = all(a < b for a, b in zip((0.0, *self.milestones), self.milestones, strict=False))
        check(rising, "milestones", self.milestones, "epochs above 0, each later than the last")


def build(settings: Settings, span: Span) -> Callable[[int], float]:
    """The peak times the factor once for each milestone that has been passed."""
    steps = [span.steps(epoch) for epoch in settings.milestones]
    steps = steps or [span.total_steps // 2, span.total_steps * 3 // 4]

    def rate(step: int) -> float:
        return float(span.peak * settings.decay_factor ** bisect_right(steps, step))

    return rate
