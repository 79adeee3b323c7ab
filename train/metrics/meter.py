"""Training loss and accuracy, summed on the device and read only when someone asks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Sums over samples, on the host.

    Attributes:
        loss: sum of the samples' losses.
        correct: samples whose largest logit is the (largest) target.
        count: samples.
    """

    loss: float = 0.0
    correct: float = 0.0
    count: float = 0.0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            loss=self.loss + other.loss,
            correct=self.correct + other.correct,
            count=self.count + other.count,
        )

    @property
    def mean_loss(self) -> float:
        return self.loss / max(1.0, self.count)

    @property
    def accuracy(self) -> float:
        return self.correct / max(1.0, self.count)


class Meter:
    """Sums of loss, correct answers and samples since the last `clear`; `add` never syncs."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(3, dtype=torch.float64, device=device)

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """Adds a batch.

        Args:
            loss: scalar, the batch's mean.
            logits: (B, C).
            targets: (B,) int64 classes, or (B, C) soft.
        """
        with torch.no_grad():
            classes = targets if targets.ndim == 1 else targets.argmax(1)
            self.sums[0] += loss.detach() * len(logits)
            self.sums[1] += (logits.argmax(1) == classes).sum()
            self.sums[2] += len(logits)

    def clear(self) -> None:
        self.sums.zero_()

    def state_dict(self) -> Tensor:
        """The sums, on the CPU."""
        return self.sums.cpu()

    def load_state_dict(self, sums: Tensor) -> None:
        self.sums.copy_(sums)


def to_totals(sums: Tensor) -> Totals:
    """Copies a meter's sums to the host: a sync point."""
    loss, correct, count = sums.tolist()
    return Totals(loss=loss, correct=correct, count=count)
