"""CPU kernels that end a batch without a mix: bytes to float32, mirrored on the way where asked.

They do what Preprocess.normalise_batched does for a batch, in the same order in float32. Images are
(H, W·C) uint8, channels interleaved: a row is one run of memory.
"""

from __future__ import annotations

import numpy as np

from headrace.pipeline.jit import compiled


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
