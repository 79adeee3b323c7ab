"""AdaBound: Adam at first, SGD in the end, as the rate of each weight is held within bounds that
close in on one value.

Source: Luo et al., "Adaptive gradient methods with dynamic bound of learning rate", ICLR 2019, and
the authors' code, github.com/Luolc/AdaBound: the bounds are multiplied by the schedule's share of
the highest learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from headrace.train.settings.technique import ABOVE_ZERO, SHARES, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of AdaBound."""

    lr: ClassVar[float] = 0.001
    weight_decay: ClassVar[float] = 0.0005

    betas: tuple[float, float] = (0.9, 0.999)
    """Shares of the means of gradient and squared gradient that go on at each step."""
    final_lr: float = 0.1
    """The learning rate of SGD, on which the bounds close in."""
    bound_speed: float = 1e-3
    """How fast they do (gamma in the paper)."""
    eps: float = 1e-8
    """Added to the root of the mean squared gradient."""
    amsbound: bool = False
    """Divide by the largest mean squared gradient so far, as AMSGrad."""

    def __post_init__(self) -> None:
        positive = dict.fromkeys(("final_lr", "bound_speed", "eps"), ABOVE_ZERO)
        check_all(self, {"betas": SHARES, **positive})


class AdaBound(torch.optim.Optimizer):
    """The optimizer; weight decay is part of the gradient, as in the authors' code.

    Args:
        groups: parameter groups; the learning rate that each has now is the one at which its
            bounds are what `final_lr` says.
        settings: of the bounds and means.
    """

    def __init__(self, groups: list[dict[str, Any]], settings: Settings) -> None:
        self._settings = settings
        super().__init__(groups, {"lr": settings.lr, "weight_decay": 0.0})
        for group in self.param_groups:
            group["base_lr"] = group["lr"]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves the weights once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group)
        return loss

    def _move(self, weight: Tensor, group: dict[str, Any]) -> None:
        settings, state = self._settings, self.state[weight]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(weight)
            state["square"] = torch.zeros_like(weight)
            if settings.amsbound:
                state["largest"] = torch.zeros_like(weight)
        state["step"] += 1
        number, (beta1, beta2) = state["step"], settings.betas
        gradient = weight.grad
        assert gradient is not None  # step looked
        if group["weight_decay"]:
            gradient = gradient.add(weight, alpha=group["weight_decay"])
        state["mean"].lerp_(gradient, 1 - beta1)
        square = state["square"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        if settings.amsbound:
            square = torch.maximum(state["largest"], square, out=state["largest"])
        final = settings.final_lr * group["lr"] / group["base_lr"]
        lower, upper = bounds(number, settings.bound_speed, final)
        size = group["lr"] * math.sqrt(1 - beta2**number) / (1 - beta1**number)
        rate = (size / (square.sqrt() + settings.eps)).clamp_(lower, upper)
        weight.sub_(rate.mul_(state["mean"]))


def bounds(step: int, speed: float, final: float) -> tuple[float, float]:
    """The least and the greatest rate of a weight at a step, counted from 1."""
    return final * (1 - 1 / (speed * step + 1)), final * (1 + 1 / (speed * step))


def build(
    groups: list[dict[str, Any]], settings: Settings, fused: bool = False
) -> torch.optim.Optimizer:
    """AdaBound over parameter groups that bring their own weight decay; it has no fused kernel."""
    return AdaBound(groups, settings)
