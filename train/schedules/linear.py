"""A straight line from the peak down.

Source: torch.optim.lr_scheduler.LinearLR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headrace.train.schedules.span import Span
from headrace.train.settings.technique import NOT_NEGATIVE, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of the line."""

    min_lr: float = 0.0
    """Learning rate that is reached one step after the end."""

    def __post_init__(self) -> None:
        check_all(self, {"min_lr": NOT_NEGATIVE})


def build(settings: Settings, span: Span) -> Callable[[int], float]:
    """Over all steps that follow the warm-up."""

    def rate(step: int) -> float:
        return settings.min_lr + (span.peak - settings.min_lr) * (1.0 - span.done(step))

    return rate
