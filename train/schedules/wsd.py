"""Warm-up, a long stretch at the peak, and a fall at the end.

Source: Hu et al., "MiniCPM", 2024, and Hägele et al., "Scaling laws and compute-optimal training
beyond fixed training durations", NeurIPS 2024, of which the fall as one minus a square root is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from headrace.train.schedules.span import Span
from headrace.train.settings.technique import NOT_NEGATIVE, Technique, check, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of the fall."""

    decay_share: float = 0.2
    """Share of the steps after the warm-up over which the learning rate falls."""
    decay_shape: Literal["linear", "sqrt"] = "linear"
    """How it falls: along a line, or as one minus a square root."""
    min_lr: float = 0.0
    """Learning rate that is reached one step after the end."""

    def __post_init__(self) -> None:
        shapes = (lambda value: value in ("linear", "sqrt"), "linear or sqrt")
        check_all(self, {"min_lr": NOT_NEGATIVE, "decay_shape": shapes})
        check(0 < self.decay_share <= 1, "decay_share", self.decay_share, "above 0, at most 1")


def build(settings: Settings, span: Span) -> Callable[[int], float]:
    """Over all steps that follow the warm-up."""
    length = span.total_steps - span.warmup_steps
    fall = max(1, round(settings.decay_share * length))
    begin = span.total_steps - fall

    def rate(step: int) -> float:
        fallen = min(1.0, max(0, step - begin) / fall)
        left = 1.0 - (math.sqrt(fallen) if settings.decay_shape == "sqrt" else fallen)
        return settings.min_lr + (span.peak - settings.min_lr) * left

    return rate
