"""Losses by name, one file each: what a step makes smaller."""

from __future__ import annotations

LOSSES = {
    "cross-entropy": "headrace.train.losses.cross_entropy",
    "bce": "headrace.train.losses.binary_cross_entropy",
    "focal": "headrace.train.losses.focal",
}
"""Names and the modules that define `Settings`, with those of class weights (class_weights.py), and
`build(settings, class_weights) -> Callable[[Tensor, Tensor], Tensor]`: from logits (B, C) and
targets, (B,) classes or (B, C) soft, to the mean over the batch, a scalar. A sample's part in it
depends on no other sample, so that a batch may be cut into parts."""
