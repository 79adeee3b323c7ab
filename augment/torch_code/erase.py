"""The erase stage: boxes painted into a whole batch."""

from __future__ import annotations

from typing import NamedTuple

import torch

from headrace.augment.settings import Fill
from headrace.augment.torch_code.geometry import fill_image


class EraseParams(NamedTuple):
    """Attributes: boxes (B, N, 4) int64 top, bottom, left, right, the ends excluded."""

    boxes: torch.Tensor


def erase(
    images: torch.Tensor, params: EraseParams, fill: Fill, noise: torch.Tensor | None = None
) -> torch.Tensor:
    """Paints boxes.

    Args:
        images: (B, C, H, W) uint8.
        params: boxes; an empty one erases nothing.
        fill: what to paint.
        noise: (B, C, H, W) uint8, for a fill with noise.

    Returns:
        (B, C, H, W) uint8.
    """
    height, width = images.shape[2:]
    row = torch.arange(height, device=images.device)
    column = torch.arange(width, device=images.device)
    top, bottom, left, right = params.boxes[..., None].unbind(2)
    rows = (row >= top) & (row < bottom)
    columns = (column >= left) & (column < right)
    hit = (rows[:, :, :, None] & columns[:, :, None, :]).any(1)[:, None]
    if fill.noise:
        if noise is None:
            raise ValueError("a fill with noise needs the noise image")
        return torch.where(hit, noise, images)
    return torch.where(hit, fill_image(images, fill.colour), images)
