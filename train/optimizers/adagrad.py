"""Adagrad: the gradient over the root of the sum of all its squares.

Source: Duchi et al., "Adaptive subgradient methods for online learning and stochastic
optimization", JMLR 2011; torch.optim.Adagrad.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from headrace.train.settings.technique import ABOVE_ZERO, NOT_NEGATIVE, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of Adagrad."""

    lr: ClassVar[float] = 0.01
    weight_decay: ClassVar[float] = 1e-5

    initial_sum: float = 0.0
    """What the sum of the squared gradients begins with."""
    eps: float = 1e-10
    """Added to the root of that sum."""

    def __post_init__(self) -> None:
        check_all(self, {"initial_sum": NOT_NEGATIVE, "eps": ABOVE_ZERO})


def build(
    groups: list[dict[str, Any]], settings: Settings, fused: bool = False
) -> torch.optim.Optimizer:
    """Adagrad over parameter groups that bring their own weight decay; never fused, as its kernel
    is for the CPU alone."""
    return torch.optim.Adagrad(
        groups, lr=settings.lr, initial_accumulator_value=settings.initial_sum, eps=settings.eps
    )
