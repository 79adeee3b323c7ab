"""What an objective is."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Gradient(Protocol):
    """Adds the gradient of the loss over the batch, where the weights are now, to their `.grad`."""

    def __call__(self) -> Tensor:
        """
        Returns:
            (B, C) the model's logits for the batch, without a graph.
        """
        ...


class Objective(Protocol):
    """Leaves in `.grad` that by which the optimizer moves, and the weights where they were."""

    def __call__(self, gradient: Gradient) -> Tensor:
        """
        Args:
            gradient: may be called several times, with the weights at other places.

        Returns:
            (B, C) the logits where the weights were.
        """
        ...
