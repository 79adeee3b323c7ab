"""Optimizers by name, one file each."""

from __future__ import annotations

import importlib
from typing import Any

OPTIMIZERS = {
    "adamw": "headrace.train.optimizers.adamw",
    "sgd": "headrace.train.optimizers.sgd",
}
"""Names and the modules that define `Settings`, with at least `lr` and `weight_decay` and a default
for every field, and `build(groups, settings, fused) -> torch.optim.Optimizer`."""


def optimizer_of(name: str) -> Any:
    """The module of an optimizer, imported now."""
    return importlib.import_module(OPTIMIZERS[name])
