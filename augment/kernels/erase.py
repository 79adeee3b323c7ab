"""CPU kernel of erasing: boxes painted into one image after the other.

It does what torch_code/erase.py does for a batch. Images are (H, W·C) uint8, channels interleaved.
"""

from __future__ import annotations

import numpy as np

from headrace.pipeline.jit import compiled


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
