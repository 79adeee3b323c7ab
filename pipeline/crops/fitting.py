"""What small images get where nobody has said it: their own size, and crops as for CIFAR.

A random-resized crop of 32 px that is enlarged to 128 costs sixteen times the work and shows a few
blurred pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from headrace.pipeline.crops.settings import CropConfig

SMALL_PX = 32
ABOUT_PX = 40
"""Images whose longer side is at most this, in the median, are about 32 px."""


def fit(crop: CropConfig, heights: np.ndarray, widths: np.ndarray) -> CropConfig:
    """The settings with size and geometry for small images, as far as these are not said.

    Args:
        crop: what has been said.
        heights, widths: (N,) stored pixels of all records.
    """
    if not len(heights) or np.median(np.maximum(heights, widths)) > ABOUT_PX:
        return crop
    if crop.size is None and not crop.size_schedule:
        crop = dataclasses.replace(crop, size=SMALL_PX)
    own_size = max(crop.shape(train=True)) <= ABOUT_PX
    if own_size and crop.geometry is crop.crop_mode is crop.eval_mode is None:
        crop = dataclasses.replace(crop, geometry="padded")
    return crop


def fit_line(before: CropConfig, after: CropConfig, named: Callable[[str], str] = str) -> str:
    """What `fit` has decided and how it is decided otherwise; "" where it has left all as it was.

    Args:
        before, after: the settings.
        named: a setting's name as its user gives it.
    """
    names = [n for n in ("size", "geometry") if getattr(before, n) != getattr(after, n)]
    if not names:
        return ""
    taken = " and ".join(f"{named(name)} {getattr(after, name)}" for name in names)
    return f"images of about {SMALL_PX} px: {taken} (give others to have others)"
