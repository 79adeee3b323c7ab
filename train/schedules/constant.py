"""The same learning rate for all steps.

Source: torch.optim.lr_scheduler.ConstantLR with a factor of 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headrace.train.schedules.span import Span
from headrace.train.settings.technique import Technique


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """There is nothing to set."""


def build(settings: Settings, span: Span) -> Callable[[int], float]:
    """The peak at every step."""
    return lambda step: span.peak
