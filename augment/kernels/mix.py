"""CPU kernels that end a batch: erasing, mixing, averaging, normalising, in numba.

They do what erase.py, mix.py and preprocess.py do for a batch, in the same order in float32.
Images are (H, W·C) uint8, channels interleaved: a row is one run of memory.

A cached kernel is compiled together with what it calls, and numba notices a change only in the file
of the kernel itself: what a kernel calls must stand in the same file.
"""

from __future__ import annotations

import numpy as np

from headrace.pipeline.jit import compiled

_ZERO, _TOP = np.float32(0.0), np.float32(255.0)


# Copies are loops: assigning a slice would compile numba's error text for shapes that differ, which
# takes longer than all of the kernels.
@compiled()
def _copy(source: np.ndarray, target: np.ndarray) -> None:
    """target = source, both (H, W·C)."""
    for y in range(source.shape[0]):
        row, out = source[y], target[y]
        for x in range(row.shape[0]):
            out[x] = row[x]


@compiled()
def normalise(source: np.ndarray, target: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> None:
    """Bytes to float32; scale and shift are (W·C,), a row's worth, so that rows vectorise."""
    for y in range(source.shape[0]):
        row, out = source[y], target[y]
        for x in range(row.shape[0]):
            out[x] = np.float32(row[x]) * scale[x] + shift[x]


@compiled()
def flip_normalise(
    source: np.ndarray, target: np.ndarray, scale: np.ndarray, shift: np.ndarray, channels: int
) -> None:
    """:func:`normalise` of the mirrored image."""
    length = source.shape[1]
    mirrored = np.empty(length, np.uint8)
    for y in range(source.shape[0]):
        row, out = source[y], target[y]
        # Unsigned indices spare numba's check for negative ones.
        if channels == 1:
            for x in range(length):
                mirrored[x] = row[np.uint32(length - 1 - x)]
        else:
            second, third = row[1:], row[2:]
            for x in range(length // 3):
                at = np.uint32(length - 3 - 3 * x)
                mirrored[3 * x] = row[at]
                mirrored[3 * x + 1] = second[at]
                mirrored[3 * x + 2] = third[at]
        for x in range(length):
            out[x] = np.float32(mirrored[x]) * scale[x] + shift[x]


@compiled()
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


@compiled()
def run_erase(
    images: np.ndarray,
    start: int,
    stop: int,
    boxes: np.ndarray,
    fill: np.ndarray,
    noise: np.ndarray,
    noisy: bool,
    channels: int,
) -> None:
    """Paints boxes (B, N, 4) int64 into (B, H, W·C) uint8."""
    for b in range(start, stop):
        image, pixels = images[b], noise[b if noisy else 0]
        for i in range(boxes.shape[1]):
            for y in range(boxes[b, i, 0], boxes[b, i, 1]):
                for x in range(boxes[b, i, 2], boxes[b, i, 3]):
                    for c in range(channels):
                        at = x * channels + c
                        image[y, at] = pixels[y, at] if noisy else fill[c]


@compiled()
def run_normalise(
    images: np.ndarray,
    out: np.ndarray,
    start: int,
    stop: int,
    mirrored: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    channels: int,
) -> None:
    """(B, H, W·C) uint8 to float32; mirrored: (B,) bool, read from right to left."""
    for b in range(start, stop):
        if mirrored[b]:
            flip_normalise(images[b], out[b], scale, shift, channels)
        else:
            normalise(images[b], out[b], scale, shift)


@compiled()
def run_mix(
    images: np.ndarray,
    out: np.ndarray,
    spare: np.ndarray,
    start: int,
    stop: int,
    kind: np.ndarray,
    partners: np.ndarray,
    weight: np.ndarray,
    box: np.ndarray,
    offset: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    channels: int,
) -> None:
    """Mixes and normalises, as Mix.apply in mix.py and Preprocess.normalise.

    Args:
        images: (B, H, W·C) uint8, all of them finished.
        out: (B, H, W·C) float32.
        spare: (H, W·C) uint8 of the calling thread.
        start, stop: the range of samples.
        kind, partners, weight, box, offset: the fields of MixParams.
        scale, shift: (W·C,) float32.
        channels: 1 or 3.
    """
    height, length = images.shape[1], images.shape[2]
    for b in range(start, stop):
        own, other = images[b], images[partners[b, 0]]
        if kind[b] == 1:
            mixup_normalise(own, other, weight[b], out[b], scale, shift)
            continue
        if kind[b] == 0:
            normalise(own, out[b], scale, shift)
            continue
        _copy(own, spare)
        if kind[b] == 2:
            left, right = box[b, 2] * channels, max(box[b, 3], box[b, 2]) * channels
            for y in range(box[b, 0], box[b, 1]):
                for x in range(left, right):
                    spare[y, x] = other[y, x]
        else:
            for y in range(height):
                lower = 2 if y >= box[b, 1] else 0
                middle = box[b, 3] * channels
                for side in range(2):
                    k = lower + side
                    left, right = (middle, length) if side else (0, middle)
                    row = images[partners[b, k], y + offset[b, k, 0]] if left < right else own[y]
                    move = offset[b, k, 1] * channels
                    for x in range(left, right):
                        spare[y, x] = row[x + move]
        normalise(spare, out[b], scale, shift)


@compiled()
def run_average(
    source: np.ndarray,
    total: np.ndarray,
    start: int,
    stop: int,
    weights: np.ndarray,
    column: int,
) -> None:
    """Adds (B, H, W·C) uint8, weighted by a column of (B, N) float32, to a float32 total."""
    for b in range(start, stop):
        weight = weights[b, column]
        for y in range(source.shape[1]):
            row, out = source[b, y], total[b, y]
            for x in range(row.shape[0]):
                value = np.float32(row[x]) * weight
                out[x] = value if column == 0 else out[x] + value


@compiled()
def run_round_down(total: np.ndarray, target: np.ndarray, start: int, stop: int) -> None:
    """Float32 sums to uint8, clamped."""
    for b in range(start, stop):
        for y in range(total.shape[1]):
            row, out = total[b, y], target[b, y]
            for x in range(row.shape[0]):
                out[x] = np.uint8(np.int32(min(max(row[x], _ZERO), _TOP)))
