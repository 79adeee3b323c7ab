"""Binary cross-entropy: each class against not being it.

Source: torch.nn.functional.binary_cross_entropy_with_logits; for classification Wightman et al.,
"ResNet strikes back", 2021; its weights of classes Cui et al., "Class-balanced loss based on
effective number of samples", CVPR 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from headrace.train.losses.class_weights import WeightedLoss, soft
from headrace.train.settings.technique import SHARE, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(WeightedLoss):
    """Of binary cross-entropy."""

    label_smoothing: float = 0.0
    """Share of each target that is spread over all classes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(self, {"label_smoothing": SHARE})


def build(settings: Settings, class_weights: Tensor | None) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean over the classes and the batch, where a sample counts as its class does.

    To weigh the answers about a class instead would leave what it is asked about as rare as before.
    """

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        smoothing, number = settings.label_smoothing, logits.shape[1]
        wanted = soft(targets, number)
        counts = None if class_weights is None else (wanted * class_weights).sum(1, keepdim=True)
        if smoothing:
            wanted = wanted * (1 - smoothing) + smoothing / number
        return F.binary_cross_entropy_with_logits(logits.float(), wanted, weight=counts)

    return loss
