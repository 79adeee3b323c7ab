"""What every loader yields."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Batch(NamedTuple):
    """One batch on the target device.

    Attributes:
        images: (B, 3, S, S) uint8 RGB, channels_last.
        labels: (B,) int64, -1 where there is none.
        indices: (B,) int64 record indices.
    """

    images: torch.Tensor
    labels: torch.Tensor
    indices: torch.Tensor
