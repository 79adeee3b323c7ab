"""Images at another size, on the device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def resized(images: Tensor, shape: tuple[int, int]) -> Tensor:
    """Images at another height and width in px, with torch's antialiased bilinear weights.

    Args:
        images: (N, 3, H, W) uint8.
        shape: height and width of the result.

    Returns:
        (N, 3, *shape) uint8, on the same device; `images` itself if it has that shape already.
    """
    if tuple(images.shape[2:]) == shape:
        return images
    floats = functional.interpolate(images.float(), shape, mode="bilinear", antialias=True)
    return floats.round().clamp(0, 255).to(torch.uint8)
