"""Antialiased crop, resize and flip of a whole batch on the device, as two matrix products.

Each output row is a weighted sum of input rows, and each output column of input columns, so a
sample's crop-resize-flip is W_y @ image @ W_x^T with one small matrix per sample and axis. Matrix
products are what a GPU is best at, and nothing depends on the values of a tensor. The weights are
those of `headrace.pipeline.resampling.boxes`.
"""

from __future__ import annotations

import torch


def crop_resize_batch(
    images: torch.Tensor, boxes: torch.Tensor, flips: torch.Tensor, size: int, dtype: torch.dtype
) -> torch.Tensor:
    """Cuts, resizes and mirrors every image of a batch.

    Args:
        images: (B, R, R, 3) uint8.
        boxes: (B, 4) y, x, height, width in pixels of `images`, on its device.
        flips: (B,) bool, on its device.
        size: S, px.
        dtype: of the products: float32, or float16 on a GPU (all levels are exact in it).

    Returns:
        (B, 3, S, S) uint8, channels_last; within one level of pipeline/resampling in float32.
    """
    side = images.shape[1]
    y, x, height, width = boxes.to(torch.float32).unbind(1)
    rows = _weights(y, height, size, side).to(dtype)
    columns = _weights(x, width, size, side)
    columns = torch.where(flips[:, None, None], columns.flip(1), columns).to(dtype)
    batch = len(images)
    # (B, S, R) @ (B, R, R * 3), then (B, 1, S, R) @ (B, S, R, 3): channels stay innermost.
    combined = torch.bmm(rows, images.to(dtype).view(batch, side, side * 3))
    levels = torch.matmul(columns[:, None], combined.view(batch, size, side, 3))
    return levels.round_().clamp_(0, 255).to(torch.uint8).permute(0, 3, 1, 2)


def _weights(start: torch.Tensor, length: torch.Tensor, size: int, side: int) -> torch.Tensor:
    """(B, size, side) float32 triangle weights; each row sums to 1."""
    device = start.device
    scale = (length / size)[:, None, None]
    centre = scale * (torch.arange(size, device=device)[:, None] + 0.5)
    place = torch.arange(side, device=device) - start[:, None, None]
    weights = (1 - (place + 0.5 - centre).abs() / scale.clamp(min=1)).clamp(min=0)
    weights = weights * ((place >= 0) & (place < length[:, None, None]))
    return weights / weights.sum(2, keepdim=True)
