"""CPU kernels of AugMix: the image and its chains added up by weight.

They do what AugMix.apply does for a batch, in the same order in float32. Images are (H, W·C) uint8,
channels interleaved.
"""

from __future__ import annotations

import numpy as np

from headrace.pipeline.jit import compiled

_ZERO, _TOP = np.float32(0.0), np.float32(255.0)


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
