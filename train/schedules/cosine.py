"""Half a cosine from the peak down.

Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
without restarts; torch.optim.lr_scheduler.CosineAnnealingLR.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from headrace.train.schedules.span import Span
from headrace.train.settings.technique import NOT_NEGATIVE, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of the cosine."""

    min_lr: float = 0.0
    """Learning rate that is reached one step after the end."""

    def __post_init__(self) -> None:
        check_all(self, {"min_lr": NOT_NEGATIVE})


def build(settings: Settings, span: Span) -> Callable[[int], float]:
    """Over all steps that follow the warm-up."""

    def rate(step: int) -> float:
        return half_cosine(span.done(step), span.peak, settings.min_lr)

    return rate


def half_cosine(done: float, peak: float, floor: float) -> float:
    """From `peak` to `floor` while `done` goes from 0 to 1."""
    return floor + (peak - floor) * 0.5 * (1.0 + math.cos(math.pi * done))
