"""A penalty on large weights, besides any loss: the sum of their absolute values to a power.

Source: Tibshirani, "Regression shrinkage and selection via the lasso", 1996, for power 1 (L1);
Frank and Friedman, "A statistical view of some chemometrics regression tools", 1993, for any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.train.settings.technique import NOT_NEGATIVE, check, check_all

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class PenaltyConfig:
    """What is added to the loss of a step."""

    penalty: float = 0.0
    """Strength of the penalty on large weights, of matrices and kernels only (0: none)."""
    penalty_power: float = 1.0
    """Power of the weights' absolute values in it: 1 is L1, 2 is L2, others are Lp."""

    def __post_init__(self) -> None:
        check_all(self, {"penalty": NOT_NEGATIVE})
        check(self.penalty_power >= 1, "penalty_power", self.penalty_power, "at least 1")


def penalty_of(model: nn.Module, config: PenaltyConfig) -> Tensor | float:
    """The scalar to add to the loss; 0 without a penalty."""
    if not config.penalty:
        return 0.0
    power = config.penalty_power
    sums = [
        (w.abs() if power == 1 else w.abs() ** power).sum()
        for w in model.parameters()
        if w.requires_grad and w.ndim > 1
    ]
    total: Tensor = config.penalty * sum(sums[1:], sums[0])
    return total
