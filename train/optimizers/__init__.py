"""Optimizers by name, one file each."""

from __future__ import annotations

OPTIMIZERS = {
    "adamw": "headrace.train.optimizers.adamw",
    "sgd": "headrace.train.optimizers.sgd",
    "adam": "headrace.train.optimizers.adam",
    "rmsprop": "headrace.train.optimizers.rmsprop",
    "adagrad": "headrace.train.optimizers.adagrad",
    "adabound": "headrace.train.optimizers.adabound",
    "lion": "headrace.train.optimizers.lion",
    "muon": "headrace.train.optimizers.muon",
}
"""Names and the modules that define `Settings`, which has besides its fields the optimizer's own
`lr` and `weight_decay`, and `build(groups, settings, fused) -> torch.optim.Optimizer` over groups
that bring their weight decay. A module whose `HEAD_APART` is true gets the head in groups of its
own, in which `head` is true."""
