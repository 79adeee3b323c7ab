"""CPU kernels that run a step over a range of samples: what each sample drew, and nothing else.

They hold the GIL at no point, so threads share a batch by ranges of samples.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from augment import kernels_colour as colour
from augment import kernels_space as space
from augment.ops import Op, Stage

_TONE, _COLOUR, _DETAIL = (int(stage) * 20 for stage in (Stage.TONE, Stage.COLOUR, Stage.DETAIL))
_END = 80
_HFLIP, _VFLIP = int(Op.HFLIP), int(Op.VFLIP)
_BRIGHTNESS, _CONTRAST, _SOLARIZE = int(Op.BRIGHTNESS), int(Op.CONTRAST), int(Op.SOLARIZE)
_POSTERIZE, _AUTOCONTRAST, _EQUALIZE = int(Op.POSTERIZE), int(Op.AUTOCONTRAST), int(Op.EQUALIZE)
_INVERT = int(Op.INVERT)
_SATURATION, _GRAYSCALE, _HUE = int(Op.SATURATION), int(Op.GRAYSCALE), int(Op.HUE)
_SHARPNESS = int(Op.SHARPNESS)
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@njit(nogil=True, cache=True)
def identity_table() -> np.ndarray:
    """(256, 3) uint8."""
    table = np.empty((256, 3), np.uint8)
    for i in range(256):
        table[i, :] = i
    return table


@njit(nogil=True, cache=True)
def _tone_table(
    image: np.ndarray, op: int, magnitude: float, table: np.ndarray, channels: int
) -> None:
    if op == _BRIGHTNESS:
        colour.brightness_table(table, magnitude)
    elif op == _CONTRAST:
        plain = identity_table().astype(np.float32)
        colour.contrast_table(table, magnitude, colour.gray_mean(image, plain, channels))
    elif op == _AUTOCONTRAST:
        colour.autocontrast_table(image, table, channels)
    elif op == _EQUALIZE:
        colour.equalize_table(image, table, channels)
    else:
        kind = 0 if op == _SOLARIZE else 1 if op == _POSTERIZE else 2 if op == _INVERT else 3
        colour.fixed_table(table, kind, magnitude)


@njit(nogil=True, cache=True)
def run_pass(
    source: np.ndarray,
    target: np.ndarray,
    spare: np.ndarray,
    start: int,
    stop: int,
    op: np.ndarray,
    magnitude: np.ndarray,
    vector: np.ndarray,
    matrix: np.ndarray,
    moved: np.ndarray,
    bilinear: bool,
    fill: np.ndarray,
    kernels: np.ndarray,
    channels: int,
) -> None:
    """One pass: geometry, tone, colour, detail, as run_stages in passes.py.

    Args:
        source: (B, H, W·C) uint8, left as it is.
        target: (B, H, W·C) uint8, may be ``source``.
        spare: (H, W·C) uint8 of the calling thread.
        start, stop: the range of samples.
        op: (B, S) int64; magnitude: (B, S) float32; vector: (B, S, 9 or 0) float32.
        matrix: (B, 3, 3) float32; moved: (B,) 0 nothing moves, 1 warp, 2 mirror rows, 3 columns.
        bilinear: how to read between pixels; fill: (C,) uint8 outside.
        kernels: (B, S, K) float32 blur weights.
        channels: 1 or 3.
    """
    table = np.empty((256, 3), np.uint8)
    for b in range(start, stop):
        out = target[b]
        _move(source[b], out, spare, matrix[b], moved[b], bilinear, fill, channels)
        for s in range(op.shape[1]):
            if _TONE <= op[b, s] < _COLOUR:
                _tone_table(out, op[b, s], magnitude[b, s], table, channels)
                colour.look_up(out, out, table, channels)
        for s in range(op.shape[1]):
            if _COLOUR <= op[b, s] < _DETAIL and channels == 3:
                _colour(out, op[b, s], magnitude[b, s], vector[b, s])
        for s in range(op.shape[1]):
            if op[b, s] == _SHARPNESS:
                spare[:] = out
                space.sharpen(spare, out, magnitude[b, s], channels)
            elif _DETAIL < op[b, s] < _END:
                space.blur(out, out, kernels[b, s], channels)


@njit(nogil=True, cache=True)
def _move(
    source: np.ndarray,
    target: np.ndarray,
    spare: np.ndarray,
    matrix: np.ndarray,
    moved: int,
    bilinear: bool,
    fill: np.ndarray,
    channels: int,
) -> None:
    """The geometry of one image; a warp never reads what it writes."""
    if moved == 0:
        target[:] = source
        return
    spare[:] = source
    if moved >= 2:
        space.flip(spare, target, moved == 2, channels)
    elif bilinear:
        space.warp_bilinear(spare, target, matrix, fill, channels)
    else:
        space.warp_nearest(spare, target, matrix, fill, channels)


@njit(nogil=True, cache=True)
def _colour(image: np.ndarray, op: int, magnitude: float, vector: np.ndarray) -> None:
    plain = identity_table().astype(np.float32)
    if op == _SATURATION:
        colour.blend_gray(image, image, plain, -magnitude)
    elif op == _GRAYSCALE:
        colour.blend_gray(image, image, plain, _ONE)
    elif op == _HUE:
        if magnitude != _ZERO:
            colour.turn_hue(image, image, plain, magnitude)
    else:
        colour.mix_channels(image, vector)


@njit(nogil=True, cache=True)
def run_jitter(
    source: np.ndarray,
    target: np.ndarray,
    start: int,
    stop: int,
    order: np.ndarray,
    amounts: np.ndarray,
    channels: int,
) -> None:
    """Colour jitter in each sample's order, as jitter in colour.py.

    Brightness and contrast only change a table; whoever reads the pixels next reads through it.

    Args:
        source, target: (B, H, W·C) uint8, may be the same.
        start, stop: the range of samples.
        order: (B, 4) int64 places of brightness, contrast, saturation and hue.
        amounts: (B, 4) float32.
        channels: 1 or 3.
    """
    table = np.empty((256, 3), np.uint8)
    for b in range(start, stop):
        image = source[b]
        pending = identity_table()
        dirty = False
        for place in range(4):
            which = 0
            while order[b, which] != place:
                which += 1
            amount = amounts[b, which]
            if amount == _ZERO:
                continue
            if which == 0:
                colour.blend_table(table, amount, _ZERO)
            elif which == 1:
                mean = colour.gray_mean(image, pending.astype(np.float32), channels)
                colour.blend_table(table, amount, mean)
            elif channels == 3:
                values = pending.astype(np.float32)
                if which == 2:
                    colour.blend_gray(image, target[b], values, -amount)
                else:
                    colour.turn_hue(image, target[b], values, amount)
                image = target[b]
                pending = identity_table()
                dirty = False
                continue
            else:
                continue
            colour.compose(pending, table)
            dirty = True
        if dirty:
            colour.look_up(image, target[b], pending, channels)
        else:
            target[b] = image


@njit(nogil=True, cache=True)
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
        space.erase(images[b], boxes[b], fill, noise[b if noisy else 0], noisy, channels)


@njit(nogil=True, cache=True)
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
            space.flip_normalise(images[b], out[b], scale, shift, channels)
        else:
            space.normalise(images[b], out[b], scale, shift)


@njit(nogil=True, cache=True)
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
            space.mixup_normalise(own, other, weight[b], out[b], scale, shift)
            continue
        if kind[b] == 0:
            space.normalise(own, out[b], scale, shift)
            continue
        spare[:] = own
        if kind[b] == 2:
            left, right = box[b, 2] * channels, max(box[b, 3], box[b, 2]) * channels
            for y in range(box[b, 0], box[b, 1]):
                spare[y, left:right] = other[y, left:right]
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
        space.normalise(spare, out[b], scale, shift)


@njit(nogil=True, cache=True)
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
        space.add_weighted(source[b], total[b], weights[b, column], column == 0)


@njit(nogil=True, cache=True)
def run_round_down(total: np.ndarray, target: np.ndarray, start: int, stop: int) -> None:
    """Float32 sums to uint8, clamped."""
    top = np.float32(255.0)
    for b in range(start, stop):
        for y in range(total.shape[1]):
            row, out = total[b, y], target[b, y]
            for x in range(row.shape[0]):
                out[x] = np.uint8(np.int32(min(max(row[x], _ZERO), top)))
