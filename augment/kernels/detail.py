"""CPU kernels of the detail stage: sharpness and blur of one image after the other.

They do what torch_code/detail.py does for a batch. Images are (H, W·C) uint8, channels interleaved.
"""

from __future__ import annotations

import numpy as np

from headrace.augment.kernels.pixels import copy_image
from headrace.augment.ops import Op
from headrace.pipeline.jit import compiled

_SHARPNESS, _BLUR = int(Op.SHARPNESS), int(Op.BLUR)
_ZERO, _TOP, _THIRTEEN = np.float32(0.0), np.float32(255.0), np.float32(13.0)


@compiled()
def sharpen(source: np.ndarray, target: np.ndarray, offset: float, channels: int) -> None:
    """Sharpness; source and target are different images."""
    height, length = source.shape
    inner = length - 2 * channels
    if height <= 2 or inner <= 0:
        copy_image(source, target)
        return
    for y in (0, height - 1):
        for x in range(length):
            target[y, x] = source[y, x]
    share = -offset
    total = np.empty(length, np.int32)
    for y in range(1, height - 1):
        above, row, below, out = source[y - 1], source[y], source[y + 1], target[y]
        for x in range(length):
            total[x] = np.int32(above[x]) + np.int32(row[x]) + np.int32(below[x])
        for c in range(channels):
            out[c], out[inner + channels + c] = row[c], row[inner + channels + c]
        left, middle, right = total[:inner], total[channels:], total[2 * channels :]
        centre, smoothed = row[channels:], out[channels:]
        for x in range(inner):
            level = np.int32(centre[x])
            box = left[x] + middle[x] + right[x] + np.int32(4) * level
            own = np.float32(level)
            value = own + (np.rint(np.float32(box) / _THIRTEEN) - own) * share
            value = value if value > _ZERO else _ZERO
            value = value if value < _TOP else _TOP
            smoothed[x] = np.uint8(np.int32(value))


@compiled()
def _mirrored(at: int, side: int) -> int:
    """Which of `side` pixels lies at a place outside, mirrored as often as it takes."""
    at = abs(at)
    if at < side:
        return at
    period = max(2 * (side - 1), 1)
    at %= period
    return at if at < side else period - at


@compiled()
def blur(source: np.ndarray, target: np.ndarray, weights: np.ndarray, channels: int) -> None:
    """Separable blur with mirrored borders; weights (K,) float32; target may be source."""
    height, length = source.shape
    width, radius = length // channels, weights.shape[0] // 2
    across = np.empty((height, length), np.float32)
    padded = np.empty(length + 2 * radius * channels, np.float32)
    for y in range(height):
        for x in range(-radius, width + radius):
            inside = _mirrored(x, width)
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
            row, weight = across[_mirrored(y + k - radius, height)], weights[k]
            for x in range(length):
                total[x] += row[x] * weight
        out = target[y]
        for x in range(length):
            out[x] = np.uint8(np.int32(min(np.rint(total[x]), _TOP)))


@compiled()
def run_detail(
    images: np.ndarray,
    spare: np.ndarray,
    start: int,
    stop: int,
    op: np.ndarray,
    magnitude: np.ndarray,
    weights: np.ndarray,
    channels: int,
) -> None:
    """Sharpens and blurs a range of images in place.

    Args:
        images: (B, H, W·C) uint8.
        spare: (H, W·C) uint8 of the calling thread.
        start, stop: the range of samples.
        op: (B, S) int64; other codes change nothing.
        magnitude: (B, S) float32.
        weights: (B, S, K) float32 blur weights.
        channels: 1 or 3.
    """
    for b in range(start, stop):
        for s in range(op.shape[1]):
            if op[b, s] == _SHARPNESS:
                copy_image(images[b], spare)
                sharpen(spare, images[b], magnitude[b, s], channels)
            elif op[b, s] == _BLUR:
                blur(images[b], images[b], weights[b, s], channels)
