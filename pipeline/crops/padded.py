"""A box at a random place, which may lie a little beyond the image: RandomCrop with padding.

Source: the usual augmentation of CIFAR, He et al., "Deep residual learning", CVPR 2016, 4.2;
torchvision's RandomCrop(size, padding). Images that are not of the batch's size are cut at the
scale at which the largest box of its shape fits it, as in Touvron et al., "DeiT III", ECCV 2022.
"""

from __future__ import annotations

import numpy as np

from headrace.pipeline.crops.centre import largest_boxes
from headrace.pipeline.crops.cuts import Cuts, Uniform, columns
from headrace.pipeline.crops.settings import CropConfig


def cut(
    heights: np.ndarray,
    widths: np.ndarray,
    config: CropConfig,
    shape: tuple[int, int],
    uniform: Uniform,
) -> Cuts:
    """The part of each box that is inside its image, and where it lies in the box.

    An image of the batch's size is not resampled: its pixels are moved.

    Args:
        heights, widths: (n,) int64 stored pixels.
        config: `crop_padding`, px of `shape`.
        shape: of the batch's images, px.
        uniform: one draw of two numbers for each image.
    """
    u = uniform(0, 2 * len(heights)).reshape(-1, 2)
    full = largest_boxes(heights, widths, shape)
    axes = [
        _along(size, np.maximum(1, np.rint(box)).astype(np.int64), out, config.crop_padding, draw)
        for size, box, out, draw in zip((heights, widths), full, shape, u.T, strict=True)
    ]
    (y, h, top, tall), (x, w, left, wide) = axes
    return Cuts(columns(y, x, h, w), columns(top, left, tall, wide))


def _along(
    size: np.ndarray, box: np.ndarray, out: int, padding: int, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One axis: start and length of the part inside, and of its place in the result."""
    scale = box / out
    beyond = np.minimum(np.rint(padding * scale).astype(np.int64), box - 1)
    start = -beyond + (u * (size - box + 2 * beyond + 1)).astype(np.int64)
    low, high = np.maximum(start, 0), np.minimum(start + box, size)
    first = np.clip(np.rint((low - start) / scale).astype(np.int64), 0, out - 1)
    last = np.clip(np.rint((high - start) / scale).astype(np.int64), first + 1, out)
    return low, high - low, first, last - first
