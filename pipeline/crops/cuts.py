"""What a way of cutting decides for every sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Uniform = Callable[[int, int], np.ndarray]
"""(number of the draw, n) -> (n,) float64 in [0, 1), always the same for one seed and epoch."""


class Cuts(NamedTuple):
    """Boxes of n samples, and where in the image of a batch they go.

    Attributes:
        boxes: (n, 4) int32 y, x, height, width in stored pixels, inside the image.
        targets: (n, 4) int32 y, x, height, width in pixels of the batch's image, inside it; what
            they leave free is black. None: every box fills its image.
    """

    boxes: np.ndarray
    targets: np.ndarray | None = None


def columns(y: np.ndarray, x: np.ndarray, height: np.ndarray, width: np.ndarray) -> np.ndarray:
    """(n, 4) int32 of four columns."""
    return np.stack([y, x, height, width], 1).astype(np.int32)


def draws_nothing(draw: int, count: int) -> np.ndarray:
    """The source of random numbers of a way of cutting that takes none."""
    raise AssertionError("this way of cutting draws")
