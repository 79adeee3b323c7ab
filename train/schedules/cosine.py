"""A linear warm-up followed by half a cosine.

Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
without restarts; the warm-up is of Goyal et al., "Accurate, large minibatch SGD", 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from headrace.train.settings.config import OptimConfig


@dataclass(frozen=True, kw_only=True)
class WarmupCosine:
    """The learning rate of a step; see `learning_rate`."""

    total_steps: int
    warmup_steps: int
    peak: float
    floor: float = 0.0

    def __call__(self, step: int) -> float:
        return learning_rate(
            step,
            total_steps=self.total_steps,
            warmup_steps=self.warmup_steps,
            peak=self.peak,
            floor=self.floor,
        )


def build(config: OptimConfig, steps_per_epoch: int) -> WarmupCosine:
    """The schedule of a run of `config.epochs` epochs."""
    total_steps = steps_per_epoch * config.epochs
    return WarmupCosine(
        total_steps=total_steps,
        warmup_steps=warmup_length(config.warmup_epochs, steps_per_epoch, total_steps),
        peak=config.peak_lr,
    )


def learning_rate(
    step: int, *, total_steps: int, warmup_steps: int, peak: float, floor: float = 0.0
) -> float:
    """A linear rise to `peak`, then half a cosine down to `floor`.

    The first step already moves the weights (peak / warmup_steps) and the last one still does:
    the curve reaches `floor` one step after the end.

    Args:
        step: optimiser steps done before this one, from 0.
        total_steps: steps of the whole run.
        warmup_steps: steps of the rise; at most total_steps.
        peak: learning rate at the top.
        floor: learning rate after the last step.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return floor + (peak - floor) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def warmup_length(warmup_epochs: float, steps_per_epoch: int, total_steps: int) -> int:
    """Steps of the warm-up, which never takes more than half of the run."""
    return min(round(warmup_epochs * steps_per_epoch), total_steps // 2)
