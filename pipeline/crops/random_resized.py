"""A box of random area, shape and place, as torchvision's RandomResizedCrop draws it.

Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015; torchvision.
"""

from __future__ import annotations

import numpy as np

from headrace.pipeline.crops.cuts import Cuts, Uniform
from headrace.pipeline.crops.settings import CropConfig

TRIES = 10


def cut(
    heights: np.ndarray,
    widths: np.ndarray,
    config: CropConfig,
    shape: tuple[int, int],
    uniform: Uniform,
) -> Cuts:
    """Up to ten draws of area and aspect ratio; the first that fits counts.

    An image for which none does gets the largest centred crop within the ratio limits.

    Args:
        heights, widths: (n,) int64 stored pixels.
        config: `crop_scale` and `crop_ratio`.
        shape: of the batch's images, px; a box's shape does not depend on it.
        uniform: a draw for each try, of four numbers for each image still open.
    """
    boxes = _fallback(heights, widths, config.crop_ratio)
    open_ = np.arange(len(heights))
    low, high = np.log(config.crop_ratio)
    for attempt in range(TRIES):
        if not len(open_):
            break
        u = uniform(attempt, 4 * len(open_)).reshape(-1, 4)
        h, w = heights[open_], widths[open_]
        scale = config.crop_scale[0] + u[:, 0] * (config.crop_scale[1] - config.crop_scale[0])
        ratio = np.exp(low + u[:, 1] * (high - low))
        area = h * w * scale
        box_w = np.rint(np.sqrt(area * ratio)).astype(np.int64)
        box_h = np.rint(np.sqrt(area / ratio)).astype(np.int64)
        fits = (box_w > 0) & (box_w <= w) & (box_h > 0) & (box_h <= h)
        y = (u[:, 2] * (h - box_h + 1)).astype(np.int64)
        x = (u[:, 3] * (w - box_w + 1)).astype(np.int64)
        boxes[open_[fits]] = np.stack([y, x, box_h, box_w], 1)[fits]
        open_ = open_[~fits]
    return Cuts(boxes.astype(np.int32))


def _fallback(h: np.ndarray, w: np.ndarray, ratio: tuple[float, float]) -> np.ndarray:
    shape = w / h
    box_w = np.where(shape > ratio[1], np.rint(h * ratio[1]).astype(np.int64), w)
    box_h = np.where(shape < ratio[0], np.rint(w / ratio[0]).astype(np.int64), h)
    box_w, box_h = np.clip(box_w, 1, w), np.clip(box_h, 1, h)
    return np.stack([(h - box_h) // 2, (w - box_w) // 2, box_h, box_w], 1)
