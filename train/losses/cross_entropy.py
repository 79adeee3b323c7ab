"""Cross-entropy with soft targets and label smoothing.

Source: torch.nn.functional.cross_entropy; the smoothing is of Szegedy et al., "Rethinking the
Inception architecture for computer vision", CVPR 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from headrace.train.settings.config import OptimConfig


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """Mean cross-entropy of a batch.

    Attributes:
        label_smoothing: share of each target that is spread evenly over all classes.
    """

    label_smoothing: float = 0.0

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        return classification_loss(logits, targets, self.label_smoothing)


def build(config: OptimConfig) -> CrossEntropy:
    """The loss with the run's label smoothing."""
    return CrossEntropy(label_smoothing=config.label_smoothing)


def classification_loss(logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
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
