"""One rise and one fall, both as half cosines.

Source: Smith and Topin, "Super-convergence: very fast training of neural networks using large
learning rates", 2018; torch.optim.lr_scheduler.OneCycleLR without its change of the momentum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headrace.train.schedules.cosine import half_cosine
from headrace.train.schedules.span import Span
from headrace.train.settings.technique import Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of the cycle."""

    rise_share: float = 0.3
    """Share of the steps after the warm-up over which the learning rate rises."""
    start_divisor: float = 25.0
    """What the highest learning rate is divided by for the first step."""
    end_divisor: float = 1e4
    """What the first learning rate is divided by for the last step."""

    def __post_init__(self) -> None:
        inside = (lambda value: 0 < value < 1, "between 0 and 1")
        divisor = (lambda value: value >= 1, "at least 1")
        expected = {"rise_share": inside, "start_divisor": divisor, "end_divisor": divisor}
        check_all(self, expected)


def build(settings: Settings, span: Span) -> Callable[[int], float]:
    """Over all steps that follow the warm-up; it brings its own, so there need not be any."""
    start = span.peak / settings.start_divisor
    end = start / settings.end_divisor
    last = max(1, span.total_steps - span.warmup_steps - 1)
    top = min(last, max(0.0, settings.rise_share * (last + 1) - 1))

    def rate(step: int) -> float:
        place = min(last, step - span.warmup_steps)
        if place < top:
            return half_cosine(place / top, start, span.peak)
        return half_cosine((place - top) / max(1e-9, last - top), span.peak, end)

    return rate
