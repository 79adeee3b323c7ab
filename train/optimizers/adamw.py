"""AdamW: Adam with decoupled weight decay.

Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019;
torch.optim.AdamW.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from headrace.train.settings.technique import ABOVE_ZERO, SHARES, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of AdamW."""

    lr: ClassVar[float] = 0.001
    weight_decay: ClassVar[float] = 0.05

    betas: tuple[float, float] = (0.9, 0.999)
    """Shares of the means of gradient and squared gradient that go on at each step."""
    eps: float = 1e-8
    """Added to the root of the mean squared gradient."""

    def __post_init__(self) -> None:
        check_all(self, {"betas": SHARES, "eps": ABOVE_ZERO})


def build(
    groups: list[dict[str, Any]], settings: Settings, fused: bool = False
) -> torch.optim.Optimizer:
    """AdamW over parameter groups that bring their own weight decay; `fused`: in one kernel."""
    return torch.optim.AdamW(groups, betas=settings.betas, eps=settings.eps, fused=fused)
