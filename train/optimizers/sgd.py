"""Stochastic gradient descent with Nesterov momentum.

Source: Sutskever et al., "On the importance of initialization and momentum in deep learning",
ICML 2013; torch.optim.SGD.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of SGD.

    Attributes:
        lr: highest learning rate.
        weight_decay: of the groups that decay.
        momentum: share of the last update that goes on.
    """

    lr: float = 0.05
    weight_decay: float = 0.0005
    momentum: float = 0.9


def build(
    groups: list[dict[str, Any]], settings: Settings, fused: bool = False
) -> torch.optim.Optimizer:
    """SGD over parameter groups that bring their own weight decay; `fused`: in one kernel."""
    return torch.optim.SGD(
        groups, lr=settings.lr, momentum=settings.momentum, nesterov=True, fused=fused
    )
