"""Losses by name, one file each: what a step makes smaller."""

from __future__ import annotations

import importlib
from typing import Any

LOSSES = {
    "cross-entropy": "headrace.train.losses.cross_entropy",
}
"""Names and the modules that define `build(config) -> Callable[[Tensor, Tensor], Tensor]`: from
logits (B, C) and targets, (B,) classes or (B, C) soft, to the batch's mean loss, a scalar."""


def loss_of(name: str) -> Any:
    """The module of a loss, imported now."""
    return importlib.import_module(LOSSES[name])
