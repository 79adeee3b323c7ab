"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math


def learning_rate(
    step: int, *, total_steps: int, warmup_steps: int, peak: float, floor: float = 0.0
) -> float:
    """Linear warm-up followed by half a cosine (Loshchilov and Hutter, "SGDR", ICLR 2017).

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
