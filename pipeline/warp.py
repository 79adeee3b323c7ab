"""Antialiased crop, resize and flip of a whole batch on the device, as two matrix products.

Each output row is a weighted sum of input rows, and each output column of input columns, so a
sample's crop-resize-flip is W_y @ image @ W_x^T with one small matrix per sample and axis. Matrix
products are what a GPU is best at, and nothing depends on the values of a tensor. The weights are
those of `headrace.pipeline.resampling.boxes`.

In between, a pixel row is kept as its three planes: then each of the products is one of plain
matrices. Were a weight matrix broadcast over rows instead, matmul would copy it for every row,
which is many times the batch.
"""

from __future__ import annotations

import torch


def crop_resize_batch(
    images: torch.Tensor,
    boxes: torch.Tensor,
    flips: torch.Tensor,
    shape: tuple[int, int],
    dtype: torch.dtype,
    targets: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cuts, resizes and mirrors every image of a batch.

    Args:
        images: (B, R, R, 3) uint8.
        boxes: (B, 4) y, x, height, width in pixels of `images`, on its device.
        flips: (B,) bool, on its device.
        shape: H and W, px.
        dtype: of the products: float32, or float16 on a GPU (all levels are exact in it).
        targets: (B, 4) y, x, height, width in the result, where each box goes, on its device; the
            rest is black. None: boxes fill the result.

    Returns:
        (B, 3, H, W) uint8, channels_last; within one level of pipeline/resampling in float32.
    """
    side, (out_h, out_w) = images.shape[1], shape
    y, x, height, width = boxes.to(torch.float32).unbind(1)
    if targets is None:
        top = left = torch.zeros_like(y)
        tall, wide = torch.full_like(y, out_h), torch.full_like(y, out_w)
    else:
        top, left, tall, wide = targets.to(torch.float32).unbind(1)
    upright = torch.zeros_like(flips)
    rows = _weights(y, height, side, top, tall, out_h, upright).to(dtype)
    columns = _weights(x, width, side, left, wide, out_w, flips).to(dtype)
    batch = len(images)
    planes = images.new_empty((batch, side, 3, side), dtype=dtype).copy_(images.transpose(2, 3))
    with torch.autocast(images.device.type, enabled=False):  # whatever the caller's says
        # (B, R * 3, R) @ (B, R, W), then (B, H, R) @ (B, R, 3 * W).
        narrow = torch.bmm(planes.view(batch, side * 3, side), columns.transpose(1, 2))
        del planes  # the larger part of the peak
        levels = torch.bmm(rows, narrow.view(batch, side, 3 * out_w)).view(batch, out_h, 3, out_w)
    out = torch.empty((batch, out_h, out_w, 3), dtype=torch.uint8, device=images.device)
    return out.copy_(levels.round_().clamp_(0, 255).transpose(2, 3)).permute(0, 3, 1, 2)


def _weights(
    start: torch.Tensor,
    length: torch.Tensor,
    side: int,
    out_start: torch.Tensor,
    out_length: torch.Tensor,
    out_side: int,
    flips: torch.Tensor,
) -> torch.Tensor:
    """(B, out_side, side) float32 triangle weights; each row sums to 1, or is 0 outside the target.

    Args:
        start, length: (B,) of the boxes along this axis.
        out_start, out_length: (B,) of their targets.
        flips: (B,) bool, which of them are mirrored along it.
    """
    device = start.device
    scale = (length / out_length)[:, None, None]
    out = torch.arange(out_side, device=device) - out_start[:, None]
    inside = ((out >= 0) & (out < out_length[:, None]))[:, :, None]
    out = torch.where(flips[:, None], out_length[:, None] - 1 - out, out)
    centre = scale * (out[:, :, None] + 0.5)
    # Nothing is near what lies outside: no further pass over all weights.
    centre = torch.where(inside, centre, torch.inf)
    place = torch.arange(side, device=device) - start[:, None, None]
    weights = (1 - (place + 0.5 - centre).abs() / scale.clamp(min=1)).clamp(min=0)
    weights = weights * ((place >= 0) & (place < length[:, None, None]))
    return weights / weights.sum(2, keepdim=True).clamp(min=1e-12)
