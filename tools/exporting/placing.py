"""What evaluation takes of an image and where it puts it, in tensors, so that a graph can hold it.

The arithmetic is that of pipeline/crops, step by step and in float64 as there: a box that were
rounded otherwise would be another crop. A test holds both together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from headrace.augment.preprocess import Preprocess


class Placed(NamedTuple):
    """One axis of a box and of its place; all () float64, whole numbers of px.

    Attributes:
        start, length: of the box, along the image.
        out_start, out_length: of its place, along the result; what is beyond is black.
    """

    start: Tensor
    length: Tensor
    out_start: Tensor
    out_length: Tensor


Pair = tuple[Placed, Placed]


def centre(sides: tuple[Tensor, Tensor], shape: tuple[int, int], share: float) -> Pair:
    """As pipeline/crops/centre.py."""
    (height, width), (out_h, out_w) = sides, shape
    full = (
        torch.minimum(height, width * out_h / out_w),
        torch.minimum(width, height * out_w / out_h),
    )
    lengths = [torch.clamp(torch.round(side * share), min=1.0) for side in full]
    starts = [torch.floor((side - length) / 2) for side, length in zip(sides, lengths, strict=True)]
    rows, columns = (
        _filling(start, length, out)
        for start, length, out in zip(starts, lengths, shape, strict=True)
    )
    return rows, columns


def squash(sides: tuple[Tensor, Tensor], shape: tuple[int, int], share: float) -> Pair:
    """As pipeline/crops/squash.py."""
    rows, columns = (
        _filling(torch.zeros_like(side), side, out) for side, out in zip(sides, shape, strict=True)
    )
    return rows, columns


def letterbox(sides: tuple[Tensor, Tensor], shape: tuple[int, int], share: float) -> Pair:
    """As pipeline/crops/letterbox.py."""
    scale = torch.minimum(*(out / side for side, out in zip(sides, shape, strict=True)))
    found = []
    for side, out in zip(sides, shape, strict=True):
        length = torch.clamp(torch.round(side * scale), 1.0, float(out))
        begin = torch.floor((out - length) / 2)
        found.append(Placed(torch.zeros_like(side), side, begin, length))
    return found[0], found[1]


def _filling(start: Tensor, length: Tensor, out: int) -> Placed:
    return Placed(start, length, torch.zeros_like(start), torch.full_like(start, float(out)))


PLACING: dict[str, Callable[[tuple[Tensor, Tensor], tuple[int, int], float], Pair]] = {
    "centre": centre,
    "squash": squash,
    "letterbox": letterbox,
}
"""Every key of pipeline.crops.EVALUATION."""


def place(sides: tuple[Tensor, Tensor], preprocess: Preprocess) -> Pair:
    """Rows and columns of the box that evaluation takes of an image.

    Args:
        sides: height and width of the image, () float64, px.
        preprocess: whose evaluation.
    """
    crop = preprocess.crop
    way = PLACING[crop.mode(train=False)]
    return way(sides, crop.shape(train=False), crop.eval_share)


def weights(placed: Placed, side: int, out_side: int) -> Tensor:
    """(out_side, side) float32: how much of each pixel goes into each of the result's, one axis.

    Triangles as wide as the scale where it shrinks, as pipeline/resampling; rows outside the place
    are 0.

    Args:
        placed: the box and its place along this axis.
        side: px of the image.
        out_side: px of the result.
    """
    scale = placed.length / placed.out_length
    out = torch.arange(out_side, dtype=torch.float64) - placed.out_start
    inside = (out >= 0) & (out < placed.out_length)
    at = torch.arange(side, dtype=torch.float64) - placed.start
    distance = (at + 0.5 - (scale * (out + 0.5)).unsqueeze(1)).abs()
    found = (1 - distance / scale.clamp(min=1.0)).clamp(min=0.0)
    found = found * ((at >= 0) & (at < placed.length)) * inside.unsqueeze(1)
    return (found / found.sum(1, keepdim=True).clamp(min=1e-12)).to(torch.float32)
