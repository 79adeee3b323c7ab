"""The reference's crop-and-resize as a compiled kernel, for loaders whose threads run numba code.

The filter is that of torch's `interpolate(mode="bilinear", antialias=True)`: a triangle as wide as
the reduction, cut off at the box's border. Weights and sums are float32 and rounded once, where
torch rounds after each axis, so the two differ by at most one level.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np


def _compiled(function: Callable[..., Any]) -> Any:
    """Compiles on the first call; kept on disk where numba finds a place to write to."""
    options = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:  # neither the package's folder nor the user's cache is writable
        return numba.njit(function, **options)


@_compiled
def _taps(side: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each output pixel starts to read, and its weights; rows end with zeros."""
    scale = side / size
    support = max(1.0, scale)
    first = np.empty(size, np.int64)
    weights = np.zeros((size, int(2 * support) + 2), np.float32)
    for i in range(size):
        centre = scale * (i + 0.5)
        low = max(0, int(centre - support + 0.5))
        high = min(side, int(centre + support + 0.5))
        total = 0.0
        for j in range(low, high):
            total += max(0.0, 1.0 - abs((j - centre + 0.5) / support))
        for j in range(low, high):
            weights[i, j - low] = max(0.0, 1.0 - abs((j - centre + 0.5) / support)) / total
        first[i] = low
    return first, weights


@_compiled
def _count(weights: np.ndarray) -> int:
    """Taps up to the last that is not zero, at least 1."""
    count = len(weights)
    while count > 1 and weights[count - 1] == 0:
        count -= 1
    return count


@_compiled
def _blend_rows(
    rows: np.ndarray, first: int, start: int, weights: np.ndarray, out: np.ndarray
) -> None:
    """out = the weighted sum of rows `first`, `first` + 1, ... from column `start` on.

    Two rows a pass: `out` is read and written half as often, and each pass vectorises.
    """
    n = len(out)
    count = _count(weights)
    one, a = weights[0], rows[first, start : start + n]
    if count == 1:
        for c in range(n):
            out[c] = one * np.float32(a[c])
        return
    two, b = weights[1], rows[first + 1, start : start + n]
    for c in range(n):
        out[c] = one * np.float32(a[c]) + two * np.float32(b[c])
    for j in range(2, count - 1, 2):
        one, a = weights[j], rows[first + j, start : start + n]
        two, b = weights[j + 1], rows[first + j + 1, start : start + n]
        for c in range(n):
            out[c] += one * np.float32(a[c]) + two * np.float32(b[c])
    if count % 2 == 1:
        one, a = weights[count - 1], rows[first + count - 1, start : start + n]
        for c in range(n):
            out[c] += one * np.float32(a[c])


@_compiled
def _blend_columns(
    row: np.ndarray, start: int, first: np.ndarray, weights: np.ndarray, out: np.ndarray
) -> None:
    """out[pixel] = the weighted sum of the row's pixels `first[pixel]`, ... from `start` on."""
    for i in range(len(first)):
        r = g = b = np.float32(0)
        place = start + 3 * first[i]
        for j in range(weights.shape[1]):
            weight = weights[i, j]
            if weight == 0 and j > 0:
                break
            r += weight * np.float32(row[place])
            g += weight * np.float32(row[place + 1])
            b += weight * np.float32(row[place + 2])
            place += 3
        out[3 * i], out[3 * i + 1], out[3 * i + 2] = r, g, b


@_compiled
def _store(row: np.ndarray, out: np.ndarray) -> None:
    """Rounds a row into bytes."""
    for c in range(len(row)):
        out[c] = np.uint8(row[c] + np.float32(0.5))


@_compiled
def crop_resize_into(
    rows: np.ndarray, y: int, x: int, height: int, width: int, flip: bool, out: np.ndarray
) -> None:
    """Cuts a box, resizes it to a square, mirrors it if `flip`; calls no Python, needs no GIL.

    Args:
        rows: (H, W * 3) uint8, RGB pixels side by side.
        y, x, height, width: the box, inside the image.
        flip: mirror left to right.
        out: (size, size * 3) uint8, filled.
    """
    size = len(out)
    row = np.empty(size * 3, np.float32)
    first_y, weights_y = _taps(height, size)
    first_x, weights_x = _taps(width, size)
    if flip:
        first_x, weights_x = first_x[::-1].copy(), weights_x[::-1].copy()
    if height < size:  # fewer rows than results: the slower, horizontal pass goes first
        narrow = np.empty((height, size * 3), np.float32)
        for i in range(height):
            _blend_columns(rows[y + i], 3 * x, first_x, weights_x, narrow[i])
        for i in range(size):
            _blend_rows(narrow, first_y[i], 0, weights_y[i], row)
            _store(row, out[i])
    else:
        wide = np.empty(width * 3, np.float32)
        for i in range(size):
            _blend_rows(rows, y + first_y[i], 3 * x, weights_y[i], wide)
            _blend_columns(wide, 0, first_x, weights_x, row)
            _store(row, out[i])
