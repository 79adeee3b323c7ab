"""What kernels of several operations do to pixels.

Images are (H, W·C) uint8, channels interleaved: a row is one run of memory.
"""

from __future__ import annotations

import numpy as np

from headrace.pipeline.jit import compiled

# Floating constants as float32: a Python float would pull the arithmetic up to float64.
_RED, _GREEN, _BLUE = np.float32(0.2989), np.float32(0.587), np.float32(0.114)
_ZERO, _TOP = np.float32(0.0), np.float32(255.0)


# A loop: assigning a slice would compile numba's error text for shapes that differ, which takes
# longer than all of the kernels.
@compiled()
def copy_image(source: np.ndarray, target: np.ndarray) -> None:
    """target = source, both (H, W·C)."""
    for y in range(source.shape[0]):
        row, out = source[y], target[y]
        for x in range(row.shape[0]):
            out[x] = row[x]


@compiled()
def to_byte(value: np.float32) -> np.uint8:
    """Rounds towards zero, from 0 to 255."""
    return np.uint8(min(max(value, _ZERO), _TOP))


@compiled(inline="always")
def luma(red: float, green: float, blue: float) -> np.float32:
    """ITU-R 601 luma rounded down; sums rounded once, like torch's fused multiply-add."""
    first = np.float32(np.float64(red * _RED) + np.float64(green) * np.float64(_GREEN))
    return np.floor(np.float32(np.float64(first) + np.float64(blue) * np.float64(_BLUE)))


@compiled()
def gray_mean(image: np.ndarray, table: np.ndarray, channels: int) -> np.float32:
    """Mean gray of an image seen through a (256, 3) float32 table."""
    height, length = image.shape
    total = 0.0
    if channels == 1:
        for y in range(height):
            for x in range(length):
                total += table[image[y, x], 0]
        return np.float32(total) / np.float32(height * length)
    for y in range(height):
        row = image[y]
        for x in range(length // 3):
            total += luma(table[row[3 * x], 0], table[row[3 * x + 1], 1], table[row[3 * x + 2], 2])
    return np.float32(total) / np.float32(height * (length // 3))


@compiled()
def look_up(source: np.ndarray, target: np.ndarray, table: np.ndarray, channels: int) -> None:
    """target = table[source]; table is (256, 3) uint8, source and target may be one image."""
    height, length = source.shape
    if channels == 1:
        for y in range(height):
            for x in range(length):
                target[y, x] = table[source[y, x], 0]
        return
    for y in range(height):
        row, out = source[y], target[y]
        for x in range(length // 3):
            out[3 * x] = table[row[3 * x], 0]
            out[3 * x + 1] = table[row[3 * x + 1], 1]
            out[3 * x + 2] = table[row[3 * x + 2], 2]


@compiled()
def identity_table() -> np.ndarray:
    """(256, 3) uint8."""
    table = np.empty((256, 3), np.uint8)
    for i in range(256):
        table[i, :] = i
    return table
