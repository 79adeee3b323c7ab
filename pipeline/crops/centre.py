"""The middle of the image, in the shape of the batch's images."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.crops.cuts import Cuts, Uniform, columns
from headrace.pipeline.crops.settings import CropConfig


def cut(
    heights: np.ndarray,
    widths: np.ndarray,
    config: CropConfig,
    shape: tuple[int, int],
    uniform: Uniform,
) -> Cuts:
    """The share `eval_share` of the largest centred box of the shape.

    Args:
        heights, widths: (n,) int64 stored pixels.
        config: `eval_share`.
        shape: of the batch's images, px.
        uniform: not asked.
    """
    h, w = largest_boxes(heights, widths, shape)
    h, w = (np.maximum(1, np.rint(side * config.eval_share)).astype(np.int64) for side in (h, w))
    return Cuts(columns((heights - h) // 2, (widths - w) // 2, h, w))


def largest_boxes(
    heights: np.ndarray, widths: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Height and width, (n,) float64 each, of the largest boxes of the shape inside the images."""
    out_h, out_w = shape
    return np.minimum(heights, widths * out_h / out_w), np.minimum(widths, heights * out_w / out_h)
