"""The plain objective: the gradient of the loss where the weights are.

Source: Robbins and Monro, "A stochastic approximation method", 1951.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from headrace.train.objectives.objective import Gradient, Objective
from headrace.train.settings.technique import Technique


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """There is nothing to set."""


def build(settings: Settings, model: nn.Module) -> Objective:
    """One gradient a step."""

    def objective(gradient: Gradient) -> Tensor:
        return gradient()

    return objective
