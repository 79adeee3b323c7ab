"""Cross-entropy with soft targets and label smoothing.

Source: torch.nn.functional.cross_entropy; the smoothing is of Szegedy et al., "Rethinking the
Inception architecture for computer vision", CVPR 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from headrace.train.losses.class_weights import WeightedLoss, soft
from headrace.train.settings.technique import SHARE, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(WeightedLoss):
    """Of cross-entropy."""

    label_smoothing: float = 0.1
    """Share of each target that is spread over all classes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(self, {"label_smoothing": SHARE})


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """Mean cross-entropy of a batch.

    Attributes:
        label_smoothing: share of each target that is spread evenly over all classes.
        class_weights: (C,) float32, how much each class counts; None: all alike.
    """

    label_smoothing: float = 0.0
    class_weights: Tensor | None = None

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        if self.class_weights is None:
            return classification_loss(logits, targets, self.label_smoothing)
        return F.cross_entropy(
            logits.float(),
            # Of soft targets torch takes the plain mean over the batch; of classes it would divide
            # by the weights in the batch, and a sample's part would depend on the others.
            soft(targets, logits.shape[1]),
            weight=self.class_weights,
            label_smoothing=self.label_smoothing,
        )


def build(settings: Settings, class_weights: Tensor | None) -> CrossEntropy:
    """The loss with the run's label smoothing."""
    return CrossEntropy(label_smoothing=settings.label_smoothing, class_weights=class_weights)


def classification_loss(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy in float32.

    Args:
        logits: (B, C), any floating dtype.
        targets: (B,) int64 classes, or (B, C) float32 soft targets that sum to 1.
        label_smoothing: share of each target that is spread evenly over all classes.
    """
    return F.cross_entropy(logits.float(), targets, label_smoothing=label_smoothing)


def per_sample(logits: Tensor, labels: Tensor) -> Tensor:
    """Each sample's cross-entropy without smoothing, as evaluation reports it.

    Args:
        logits: (B, C) float32.
        labels: (B,) int64, -1 where there is none.

    Returns:
        (B,) float32, 0 without a label.
    """
    return F.cross_entropy(logits, labels, reduction="none", ignore_index=-1)
