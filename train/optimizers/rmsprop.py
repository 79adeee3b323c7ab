"""RMSprop: the gradient over the root of its mean square.

Source: Tieleman and Hinton, Coursera lecture 6.5, 2012; torch.optim.RMSprop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from headrace.train.settings.technique import ABOVE_ZERO, SHARE, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of RMSprop."""

    lr: ClassVar[float] = 0.001
    weight_decay: ClassVar[float] = 1e-5

    alpha: float = 0.99
    """Share of the mean squared gradient that goes on at each step."""
    momentum: float = 0.0
    """Share of the last update that goes on."""
    eps: float = 1e-8
    """Added to the root of the mean squared gradient."""
    centered: bool = False
    """Divide by the deviation of the gradient instead."""

    def __post_init__(self) -> None:
        check_all(self, {"alpha": SHARE, "momentum": SHARE, "eps": ABOVE_ZERO})


def build(
    groups: list[dict[str, Any]], settings: Settings, fused: bool = False
) -> torch.optim.Optimizer:
    """RMSprop over parameter groups that bring their own weight decay; it has no fused kernel."""
    return torch.optim.RMSprop(
        groups,
        lr=settings.lr,
        alpha=settings.alpha,
        momentum=settings.momentum,
        eps=settings.eps,
        centered=settings.centered,
    )
