"""Lion: a step of the same size for each weight, along the sign of a momentum.

Source: Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023; timm's Lion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from headrace.train.optimizers.of_timm import of_timm
from headrace.train.settings.technique import SHARES, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of Lion, whose rate is a third to a tenth of AdamW's and its decay so many times larger."""

    lr: ClassVar[float] = 0.0002
    weight_decay: ClassVar[float] = 0.25

    betas: tuple[float, float] = (0.9, 0.99)
    """Shares of the momentum in the step, and in the momentum of the next."""

    def __post_init__(self) -> None:
        check_all(self, {"betas": SHARES})


def build(
    groups: list[dict[str, Any]], settings: Settings, fused: bool = False
) -> torch.optim.Optimizer:
    """Lion over parameter groups that bring their own weight decay; it has no fused kernel."""
    optimizer: torch.optim.Optimizer = of_timm("Lion")(groups, lr=settings.lr, betas=settings.betas)
    return optimizer
