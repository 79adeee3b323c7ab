"""AdamW: Adam with decoupled weight decay.

Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019; torch.optim.AdamW
with its own betas and epsilon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of AdamW.

    Attributes:
        lr: highest learning rate.
        weight_decay: of the groups that decay.
    """

    lr: float = 0.001
    weight_decay: float = 0.05


def build(
    groups: list[dict[str, Any]], settings: Settings, fused: bool = False
) -> torch.optim.Optimizer:
    """AdamW over parameter groups that bring their own weight decay; `fused`: in one kernel."""
    return torch.optim.AdamW(groups, lr=settings.lr, fused=fused)
