"""The configured optimizer over a model's parameters: decay on weight matrices only."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from headrace.train.optimizers import optimizer_of
from headrace.train.settings.config import OptimConfig


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups: matrices and kernels with decay, biases and norm scales (one axis) without.

    A group may have an `lr_scale`, by which every learning rate of the schedule is multiplied.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def build_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """The configured optimizer; a step sets the learning rate before it moves the weights."""
    technique = optimizer_of(config.optimizer)
    settings = technique.Settings(lr=config.peak_lr, weight_decay=config.decay)
    groups = parameter_groups(model, settings.weight_decay)
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    optimizer: torch.optim.Optimizer = technique.build(groups, settings, fused)
    return optimizer
