"""The configured loss, with the weights of the classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from headrace.pipeline.records import Records
from headrace.pipeline.shares import mix_of
from headrace.train.losses import distillation
from headrace.train.losses.class_weights import class_weights
from headrace.train.settings.optim import OptimConfig


def build_loss(
    optim: OptimConfig, records: Records, split: str, num_classes: int, device: torch.device
) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """The loss of a run on the samples of `split`, which all have a label; its third argument is
    what teachers answer, if there are any.

    Raises:
        ConfigError: for class weights that are not as many as the classes.
    """
    chosen = records.select(split)
    labels = records.labels[chosen]
    mix = mix_of(records, chosen)
    if mix is None:
        counts = np.bincount(labels, minlength=num_classes)
    else:
        counts = mix.class_counts(labels, num_classes)
    weights = class_weights(optim.settings_of("loss"), torch.from_numpy(counts).to(device))
    loss: Callable[[Tensor, Tensor], Tensor] = optim.build("loss", weights)
    return distillation.build(optim.distill, loss)
