"""Focal loss: cross-entropy that counts the less, the surer the model is already.

Source: Lin et al., "Focal loss for dense object detection", ICCV 2017, with the softmax of several
classes in the place of one sigmoid; its alpha is the class weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from headrace.train.losses.class_weights import WeightedLoss, soft
from headrace.train.settings.technique import NOT_NEGATIVE, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(WeightedLoss):
    """Of the focal loss."""

    focal_gamma: float = 2.0
    """How much less what is sure already counts (0: cross-entropy)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(self, {"focal_gamma": NOT_NEGATIVE})


def build(settings: Settings, class_weights: Tensor | None) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean over the batch; of soft targets each class counts with its share."""

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        log_p = logits.float().log_softmax(1)
        wanted = soft(targets, logits.shape[1])
        if class_weights is not None:
            wanted = wanted * class_weights
        unsure = (1 - log_p.exp()).clamp(min=1e-6)  # the power's gradient at 0 is no number
        return -(wanted * unsure**settings.focal_gamma * log_p).sum(1).mean()

    return loss
