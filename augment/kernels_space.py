"""CPU kernels of the geometry, detail, erase and finishing stages: numba, one image at a time.

Each does what its batched twin in geometry.py, detail.py, erase.py, mix.py or preprocess.py does,
in the same order in float32. Images are (H, W·C) uint8, channels interleaved.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_ZERO, _ONE, _TOP = np.float32(0.0), np.float32(1.0), np.float32(255.0)
_FOUR, _THIRTEEN, _HALF = np.float32(4.0), np.float32(13.0), np.float32(0.5)


@njit(nogil=True, cache=True, error_model="numpy")
def flip(source: np.ndarray, target: np.ndarray, left_right: bool, channels: int) -> None:
    """Mirrors rows (left_right) or columns; source and target are different images."""
    height, length = source.shape
    for y in range(height):
        if not left_right:
            target[y] = source[height - 1 - y]
            continue
        row, out = source[y], target[y]
        if channels == 3:
            for x in range(0, length, 3):
                out[x] = row[length - 3 - x]
                out[x + 1] = row[length - 2 - x]
                out[x + 2] = row[length - 1 - x]
        else:
            for x in range(length):
                out[x] = row[length - 1 - x]


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _locate(
    matrix: np.ndarray, affine: bool, x: float, y: float, half_x: float, half_y: float
) -> tuple[float, float]:
    """Where an output pixel is looked up, in pixels."""
    source_x = matrix[0, 0] * x + (matrix[0, 1] * y + matrix[0, 2])
    source_y = matrix[1, 0] * x + (matrix[1, 1] * y + matrix[1, 2])
    if not affine:
        scale = matrix[2, 0] * x + (matrix[2, 1] * y + matrix[2, 2])
        source_x, source_y = source_x / scale, source_y / scale
    return source_x + half_x, source_y + half_y


@njit(nogil=True, cache=True, error_model="numpy")
def warp_nearest(
    source: np.ndarray, target: np.ndarray, matrix: np.ndarray, fill: np.ndarray, channels: int
) -> None:
    """Nearest pixel of a (3, 3) float32 map; ``fill`` is (C,) uint8."""
    height, width = source.shape[0], source.shape[1] // channels
    half_x, half_y = np.float32((width - 1) / 2), np.float32((height - 1) / 2)
    affine = matrix[2, 0] == _ZERO and matrix[2, 1] == _ZERO
    end_x, end_y = np.float32(width), np.float32(height)
    for y in range(height):
        out = target[y]
        for x in range(width):
            sx, sy = _locate(
                matrix, affine, np.float32(x) - half_x, np.float32(y) - half_y, half_x, half_y
            )
            sx, sy = np.rint(sx), np.rint(sy)
            if sx >= _ZERO and sx < end_x and sy >= _ZERO and sy < end_y:
                row, at = source[int(sy)], int(sx) * channels
                for c in range(channels):
                    out[x * channels + c] = row[at + c]
            else:
                for c in range(channels):
                    out[x * channels + c] = fill[c]


@njit(nogil=True, cache=True, error_model="numpy")
def warp_bilinear(
    source: np.ndarray, target: np.ndarray, matrix: np.ndarray, fill: np.ndarray, channels: int
) -> None:
    """Bilinear reading of a (3, 3) float32 map; outside counts as ``fill``, (C,) uint8."""
    height, width = source.shape[0], source.shape[1] // channels
    half_x, half_y = np.float32((width - 1) / 2), np.float32((height - 1) / 2)
    end_x, end_y = np.float32(width), np.float32(height)
    affine = matrix[2, 0] == _ZERO and matrix[2, 1] == _ZERO
    for y in range(height):
        out = target[y]
        for x in range(width):
            sx, sy = _locate(
                matrix, affine, np.float32(x) - half_x, np.float32(y) - half_y, half_x, half_y
            )
            # Also false for what is not a number, where a perspective divides by zero.
            if not (sx > -_ONE and sx < end_x and sy > -_ONE and sy < end_y):
                for c in range(channels):
                    out[x * channels + c] = fill[c]
                continue
            left, top = int(np.floor(sx)), int(np.floor(sy))
            wx, wy = sx - np.float32(left), sy - np.float32(top)
            w11, w01 = wx * wy, wx * (_ONE - wy)
            w10, w00 = (_ONE - wx) * wy, (_ONE - wx) * (_ONE - wy)
            at = left * channels
            if left >= 0 and top >= 0 and left < width - 1 and top < height - 1:
                upper, lower = source[top], source[top + 1]
                for c in range(channels):
                    value = (
                        np.float32(upper[at + c]) * w00
                        + np.float32(upper[at + channels + c]) * w01
                        + np.float32(lower[at + c]) * w10
                        + np.float32(lower[at + channels + c]) * w11
                    )
                    out[x * channels + c] = np.uint8(np.int32(value + _HALF))
                continue
            for c in range(channels):
                value = _ZERO
                for dy in range(2):
                    for dx in range(2):
                        weight = (w11 if dx else w10) if dy else (w01 if dx else w00)
                        px, py = left + dx, top + dy
                        inside = px >= 0 and px < width and py >= 0 and py < height
                        byte = source[py, px * channels + c] if inside else fill[c]
                        value += np.float32(byte) * weight
                out[x * channels + c] = np.uint8(np.int32(value + _HALF))


@njit(nogil=True, cache=True, error_model="numpy")
def sharpen(source: np.ndarray, target: np.ndarray, offset: float, channels: int) -> None:
    """Sharpness; source and target are different images."""
    height, length = source.shape
    if height <= 2 or length <= 2 * channels:
        target[:] = source
        return
    target[0], target[height - 1] = source[0], source[height - 1]
    share = -offset
    for y in range(1, height - 1):
        above, row, below, out = source[y - 1], source[y], source[y + 1], target[y]
        for c in range(channels):
            out[c] = row[c]
            out[length - 1 - c] = row[length - 1 - c]
        for x in range(channels, length - channels):
            before, after = x - channels, x + channels
            total = np.int32(above[before]) + np.int32(above[x]) + np.int32(above[after])
            total += np.int32(row[before]) + 5 * np.int32(row[x]) + np.int32(row[after])
            total += np.int32(below[before]) + np.int32(below[x]) + np.int32(below[after])
            inner = np.float32(row[x])
            smooth = np.rint(np.float32(total) / _THIRTEEN)
            value = inner + (smooth - inner) * share
            out[x] = np.uint8(np.int32(min(max(value, _ZERO), _TOP)))


@njit(nogil=True, cache=True, error_model="numpy")
def blur(source: np.ndarray, target: np.ndarray, weights: np.ndarray, channels: int) -> None:
    """Separable blur with mirrored borders; weights (K,) float32; target may be source."""
    height, length = source.shape
    width, radius = length // channels, weights.shape[0] // 2
    across = np.empty((height, length), np.float32)
    padded = np.empty(length + 2 * radius * channels, np.float32)
    for y in range(height):
        for x in range(-radius, width + radius):
            inside = -x if x < 0 else (2 * (width - 1) - x if x >= width else x)
            for c in range(channels):
                padded[(x + radius) * channels + c] = source[y, inside * channels + c]
        row = across[y]
        row[:] = _ZERO
        for k in range(weights.shape[0]):
            weight, start = weights[k], k * channels
            for x in range(length):
                row[x] += padded[start + x] * weight
    total = np.empty(length, np.float32)
    for y in range(height):
        total[:] = _ZERO
        for k in range(weights.shape[0]):
            at = y + k - radius
            at = -at if at < 0 else (2 * (height - 1) - at if at >= height else at)
            row, weight = across[at], weights[k]
            for x in range(length):
                total[x] += row[x] * weight
        out = target[y]
        for x in range(length):
            out[x] = np.uint8(np.int32(min(np.rint(total[x]), _TOP)))


@njit(nogil=True, cache=True, error_model="numpy")
def erase(
    image: np.ndarray,
    boxes: np.ndarray,
    colour: np.ndarray,
    noise: np.ndarray,
    noisy: bool,
    channels: int,
) -> None:
    """Paints (N, 4) boxes with a (C,) uint8 colour or with the pixels of ``noise``."""
    for i in range(boxes.shape[0]):
        top, bottom, left, right = boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]
        for y in range(top, bottom):
            for x in range(left, right):
                for c in range(channels):
                    at = x * channels + c
                    image[y, at] = noise[y, at] if noisy else colour[c]


@njit(nogil=True, cache=True, error_model="numpy")
def normalise(source: np.ndarray, target: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> None:
    """Bytes to float32; scale and shift are (W·C,), a row's worth, so that rows vectorise."""
    for y in range(source.shape[0]):
        row, out = source[y], target[y]
        for x in range(row.shape[0]):
            out[x] = np.float32(row[x]) * scale[x] + shift[x]


@njit(nogil=True, cache=True, error_model="numpy")
def flip_normalise(
    source: np.ndarray, target: np.ndarray, scale: np.ndarray, shift: np.ndarray, channels: int
) -> None:
    """:func:`normalise` of the mirrored image."""
    length = source.shape[1]
    mirrored = np.empty(length, np.uint8)
    for y in range(source.shape[0]):
        row, out = source[y], target[y]
        for x in range(0, length, channels):
            for c in range(channels):
                mirrored[x + c] = row[length - channels - x + c]
        for x in range(length):
            out[x] = np.float32(mirrored[x]) * scale[x] + shift[x]


@njit(nogil=True, cache=True, error_model="numpy")
def mixup_normalise(
    source: np.ndarray,
    other: np.ndarray,
    weight: float,
    target: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
) -> None:
    """Blends two images, ``weight`` of the second, and normalises."""
    for y in range(source.shape[0]):
        row, second, out = source[y], other[y], target[y]
        for x in range(row.shape[0]):
            level = np.float32(row[x])
            level += (np.float32(second[x]) - level) * weight
            out[x] = level * scale[x] + shift[x]


@njit(nogil=True, cache=True, error_model="numpy")
def add_weighted(source: np.ndarray, total: np.ndarray, weight: float, first: bool) -> None:
    """total = source·weight, or total += source·weight; float32."""
    for y in range(source.shape[0]):
        row, out = source[y], total[y]
        for x in range(row.shape[0]):
            value = np.float32(row[x]) * weight
            out[x] = value if first else out[x] + value
