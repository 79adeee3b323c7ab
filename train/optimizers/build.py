"""The configured optimizer over a model's parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from headrace.train.optimizers.groups import parameter_groups
from headrace.train.settings.optim import OptimConfig
from headrace.train.settings.rooms import technique_of


def build_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """The configured optimizer; a step sets the learning rate before it moves the weights."""
    technique = technique_of("optimizer", config.optimizer)
    head_apart: bool = getattr(technique, "HEAD_APART", False)
    groups: list[dict[str, Any]] = parameter_groups(
        model, config.decay, config.groups, head_apart=head_apart
    )
    for group in groups:
        group["lr"] = config.peak_lr * group.get("lr_scale", 1.0)
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    optimizer: torch.optim.Optimizer = technique.build(
        groups, config.settings_of("optimizer"), fused
    )
    return optimizer
