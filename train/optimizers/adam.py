"""Adam: its weight decay is part of the gradient (L2), unlike that of AdamW.

Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015; torch.optim.Adam.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from headrace.train.settings.technique import ABOVE_ZERO, SHARES, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of Adam."""

    lr: ClassVar[float] = 0.001
    weight_decay: ClassVar[float] = 1e-5

    betas: tuple[float, float] = (0.9, 0.999)
    """Shares of the means of gradient and squared gradient that go on at each step."""
    eps: float = 1e-8
    """Added to the root of the mean squared gradient."""

    def __post_init__(self) -> None:
        check_all(self, {"betas": SHARES, "eps": ABOVE_ZERO})


def build(
    groups: list[dict[str, Any]], settings: Settings, fused: bool = False
) -> torch.optim.Optimizer:
    """Adam over parameter groups that bring their own weight decay; `fused`: in one kernel."""
    return torch.optim.Adam(groups, betas=settings.betas, eps=settings.eps, fused=fused)
