"""Optimisers: decay on weight matrices only."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from headrace.train.settings.config import OptimConfig

MOMENTUM = 0.9


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two groups: matrices and kernels with decay, biases and norm scales (one axis) without."""
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def build_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """The configured optimiser; the loop sets the learning rate before each step."""
    groups = parameter_groups(model, config.decay)
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=config.peak_lr, momentum=MOMENTUM, nesterov=True, fused=fused
        )
    return torch.optim.AdamW(groups, lr=config.peak_lr, fused=fused)
