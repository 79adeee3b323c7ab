"""The learning rate of a larger batch, from one that is known to be good for another.

Source: linear, with a warm-up, Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1
hour", arXiv 1706.02677; square root, Krizhevsky, "One weird trick for parallelizing convolutional
neural networks", arXiv 1404.5997, and for Adam and its like Malladi et al., "On the SDEs and
scaling rules for adaptive gradient algorithms", NeurIPS 2022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from headrace.train.settings.technique import check, check_choice

Rule = Literal["none", "linear", "sqrt"]


@dataclass(frozen=True, kw_only=True)
class ScalingConfig:
    """How the learning rate goes with the batch."""

    lr_scaling: Rule = "none"
    """Multiply --lr by --batch-size over --lr-base-batch (linear), by its square root (sqrt), or
    not (none); the batch is that of a step, over all processes."""
    lr_base_batch: int = 256
    """The batch that --lr is meant for, in --lr-scaling."""

    def __post_init__(self) -> None:
        check_choice("lr_scaling", self.lr_scaling, get_args(Rule))
        check(self.lr_base_batch >= 1, "lr_base_batch", self.lr_base_batch, "at least 1")

    def factor(self, batch_size: int) -> float:
        """What the learning rate is multiplied by for steps of `batch_size` samples."""
        ratio = batch_size / self.lr_base_batch
        return {"none": 1.0, "linear": ratio, "sqrt": math.sqrt(ratio)}[self.lr_scaling]

    def line(self, rate: float, batch_size: int) -> str:
        """What it makes of a learning rate, for the user; "" where it lets it be."""
        if self.lr_scaling == "none":
            return ""
        found = rate * self.factor(batch_size)
        return (
            f"learning rate: {found:g}, {rate:g} scaled by the rule {self.lr_scaling} from batches "
            f"of {self.lr_base_batch} to those of {batch_size}"
        )
