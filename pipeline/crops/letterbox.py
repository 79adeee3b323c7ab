"""The whole image in its own shape, as large as the batch's images allow, within black."""

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
    """Whole images, centred; what they leave free is left and right, or above and below.

    Args:
        heights, widths: (n,) int64 stored pixels.
        config: nothing of it.
        shape: of the batch's images, px.
        uniform: not asked.
    """
    out_h, out_w = shape
    scale = np.minimum(out_h / heights, out_w / widths)
    h, w = (
        np.clip(np.rint(side * scale).astype(np.int64), 1, most)
        for side, most in ((heights, out_h), (widths, out_w))
    )
    return Cuts(
        columns(0 * heights, 0 * widths, heights, widths),
        columns((out_h - h) // 2, (out_w - w) // 2, h, w),
    )
