"""CPU kernels of mixing, which normalise on the way: mixup, CutMix, RICAP.

They do what torch_code/mix.py and Preprocess.normalise_batched do for a batch, in the same order in
float32. Images are (H, W·C) uint8, channels interleaved: a row is one run of memory.
"""

from __future__ import annotations

import numpy as np

from headrace.augment.kernels.normalise import normalise
from headrace.augment.kernels.pixels import copy_image
from headrace.augment.ops import MixKind
from headrace.pipeline.jit import compiled

_NONE, _MIXUP = int(MixKind.NONE), int(MixKind.MIXUP)
_CUTMIX, _RICAP = int(MixKind.CUTMIX), int(MixKind.RICAP)


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
    """Mixes and normalises, as `mix` in torch_code/mix.py and Preprocess.normalise_batched.

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
        if kind[b] == _MIXUP:
            mixup_normalise(own, other, weight[b], out[b], scale, shift)
            continue
        if kind[b] == _NONE:
            normalise(own, out[b], scale, shift)
            continue
        copy_image(own, spare)
        if kind[b] == _CUTMIX:
            left, right = box[b, 2] * channels, max(box[b, 3], box[b, 2]) * channels
            for y in range(box[b, 0], box[b, 1]):
                for x in range(left, right):
                    spare[y, x] = other[y, x]
        elif kind[b] == _RICAP:
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
