"""Stochastic gradient descent with momentum, of Nesterov's kind or the plain one.

Source: Sutskever et al., "On the importance of initialization and momentum in deep learning",
ICML 2013; torch.optim.SGD.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from headrace.train.settings.technique import SHARE, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of SGD."""

    lr: ClassVar[float] = 0.05
    weight_decay: ClassVar[float] = 0.0005

    momentum: float = 0.9
    """Share of the last update that goes on."""
    nesterov: bool = True
    """Take the gradient's part of the momentum beforehand; of no effect without momentum."""

    def __post_init__(self) -> None:
        check_all(self, {"momentum": SHARE})


def build(
    groups: list[dict[str, Any]], settings: Settings, fused: bool = False
) -> torch.optim.Optimizer:
    """SGD over parameter groups that bring their own weight decay; `fused`: in one kernel."""
    nesterov = settings.nesterov and settings.momentum > 0
    made = torch.optim.SGD(groups, momentum=settings.momentum, nesterov=nesterov, fused=fused)
    if settings.momentum:
        begin_at_rest(made)
        made.register_load_state_dict_post_hook(begin_at_rest)
    return made


def begin_at_rest(optimizer: torch.optim.Optimizer) -> None:
    """Gives each weight that has no momentum yet one of 0, which is what torch begins with.

    Its fused kernel takes unwritten memory instead where fp16's scaler skips the first step, and
    fails where some weights have a momentum and others, frozen until then, have none.
    """
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if optimizer.state[weight].get("momentum_buffer") is None:
                optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
