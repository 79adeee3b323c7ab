"""Half a cosine from the peak down, again and again, over stretches that grow.

Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017;
torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headrace.train.schedules.cosine import half_cosine
from headrace.train.schedules.span import Span
from headrace.train.settings.technique import ABOVE_ZERO, NOT_NEGATIVE, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of the stretches."""

    restart_epochs: float = 10.0
    """Epochs of the first stretch, which begins when the warm-up ends."""
    restart_factor: int = 2
    """How many times as long each stretch is as the one before."""
    min_lr: float = 0.0
    """Learning rate at the end of each."""

    def __post_init__(self) -> None:
        at_least_1 = (lambda value: value >= 1, "at least 1")
        expected = {"restart_epochs": ABOVE_ZERO, "restart_factor": at_least_1}
        check_all(self, {**expected, "min_lr": NOT_NEGATIVE})


def build(settings: Settings, span: Span) -> Callable[[int], float]:
    """From the end of the warm-up on."""
    first = max(1, span.steps(settings.restart_epochs))

    def rate(step: int) -> float:
        place, length = step - span.warmup_steps, first
        while place >= length:
            place, length = place - length, length * settings.restart_factor
        return half_cosine(place / length, span.peak, settings.min_lr)

    return rate
