"""SAM: the gradient where the loss is highest nearby, so that the weights come to lie in a flat
valley. It takes two gradients a step.

Source: Foret et al., "Sharpness-aware minimization for efficiently improving generalization", ICLR
2021. As is usual, running statistics of norms see the first pass only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headrace.train.objectives.objective import Gradient, Objective
from headrace.train.settings.technique import ABOVE_ZERO, Technique, check_all

SEVERAL_PASSES = True
"""What a CUDA graph has computed is overwritten by its next replay."""


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of SAM."""

    rho: float = 0.05
    """How far away the weights are moved for the gradient."""

    def __post_init__(self) -> None:
        check_all(self, {"rho": ABOVE_ZERO})


def build(settings: Settings, model: nn.Module) -> Objective:
    """Two gradients a step."""

    def objective(gradient: Gradient) -> Tensor:
        weights = [weight for weight in model.parameters() if weight.requires_grad]  # as of now
        logits = gradient()
        # Put back from a copy: what is added may be no number, if fp16 has overflowed.
        before = [weight.detach().clone() for weight in weights]
        statistics = [buffer.clone() for buffer in model.buffers()]
        climb(weights, settings.rho)
        gradient()
        with torch.no_grad():
            places = [*weights, *model.buffers()]
            for place, value in zip(places, [*before, *statistics], strict=True):
                place.copy_(value)
        return logits

    return objective


@torch.no_grad()
def climb(weights: list[nn.Parameter], rho: float) -> None:
    """Moves the weights by `rho` along their gradient, which is cleared.

    The gradient's scale does not matter, so that one of fp16's scaler does not.
    """
    moved = [weight for weight in weights if weight.grad is not None]
    gradients = [weight.grad for weight in moved if weight.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    for weight, slope in zip(moved, gradients, strict=True):
        weight.add_(slope * (rho / (norm + 1e-12)))
        weight.grad = None
