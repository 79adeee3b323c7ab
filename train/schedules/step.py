"""A learning rate that falls by a factor every so many epochs.

Source: torch.optim.lr_scheduler.StepLR, stepped once an epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headrace.train.schedules.span import Span
from headrace.train.settings.technique import ABOVE_ZERO, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of the steps."""

    decay_every: int = 30
    """Epochs between two falls, counted from the beginning of the run."""
    decay_factor: float = 0.1
    """What the learning rate is multiplied by at each."""

    def __post_init__(self) -> None:
        check_all(self, {"decay_every": ABOVE_ZERO, "decay_factor": ABOVE_ZERO})


def build(settings: Settings, span: Span) -> Callable[[int], float]:
    """The peak times the factor once for each fall so far."""

    def rate(step: int) -> float:
        return float(
            span.peak * settings.decay_factor ** (span.epoch(step) // settings.decay_every)
        )

    return rate
