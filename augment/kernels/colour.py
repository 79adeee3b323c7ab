"""CPU kernels of the colour stage and of colour jitter.

They do what torch_code/colour.py does for a batch, in the same order in float32, so the results are
equal. Images are (H, W·C) uint8, channels interleaved: a row is one run of memory.
"""

from __future__ import annotations

import numpy as np

from headrace.augment.kernels.pixels import (
    copy_image,
    gray_mean,
    identity_table,
    look_up,
    luma,
    to_byte,
)
from headrace.augment.ops import Op
from headrace.pipeline.jit import compiled

_SATURATION, _GRAYSCALE = int(Op.SATURATION), int(Op.GRAYSCALE)
_HUE, _CHANNEL_MIX = int(Op.HUE), int(Op.CHANNEL_MIX)
# Floating constants as float32: a Python float would pull the arithmetic up to float64.
_ZERO, _ONE, _TOP = np.float32(0.0), np.float32(1.0), np.float32(255.0)
_SCALE = np.float32(255.999)
_BYTE = np.float32(1.0 / 255.0)
_SIXTH = np.float32(1.0 / 6.0)
_TWO, _THREE, _FOUR, _FIVE, _SIX = (np.float32(v) for v in (2.0, 3.0, 4.0, 5.0, 6.0))
_HALF = np.float32(0.5)


@compiled()
def blend_table(table: np.ndarray, offset: float, other: float) -> None:
    """Fills (256, 3) uint8: the blend of colour jitter, each product rounded."""
    share = -offset
    for i in range(256):
        table[i, :] = to_byte(np.float32(i) * (_ONE - share) + other * share)


@compiled()
def compose(pending: np.ndarray, table: np.ndarray) -> None:
    """pending = table after pending, both (256, 3) uint8."""
    for i in range(256):
        for c in range(3):
            pending[i, c] = table[pending[i, c], c]


@compiled()
def _unpack(row: np.ndarray, table: np.ndarray, planes: np.ndarray) -> None:
    """One interleaved row through a (256, 3) float32 table into (3, W) float32."""
    for x in range(planes.shape[1]):
        planes[0, x] = table[row[3 * x], 0]
        planes[1, x] = table[row[3 * x + 1], 1]
        planes[2, x] = table[row[3 * x + 2], 2]


@compiled()
def _pack(planes: np.ndarray, row: np.ndarray) -> None:
    """(3, W) float32 in 0..255 to one interleaved row, rounded down."""
    for x in range(planes.shape[1]):
        row[3 * x] = np.uint8(np.int32(planes[0, x]))
        row[3 * x + 1] = np.uint8(np.int32(planes[1, x]))
        row[3 * x + 2] = np.uint8(np.int32(planes[2, x]))


@compiled()
def blend_gray(source: np.ndarray, target: np.ndarray, table: np.ndarray, share: float) -> None:
    """Blends each pixel with its gray value, through a (256, 3) float32 table."""
    height, width = source.shape[0], source.shape[1] // 3
    planes = np.empty((3, width), np.float32)
    red, green, blue = planes[0], planes[1], planes[2]
    keep = _ONE - share
    for y in range(height):
        _unpack(source[y], table, planes)
        for x in range(width):
            part = luma(red[x], green[x], blue[x]) * share
            red[x] = min(max(red[x] * keep + part, _ZERO), _TOP)
            green[x] = min(max(green[x] * keep + part, _ZERO), _TOP)
            blue[x] = min(max(blue[x] * keep + part, _ZERO), _TOP)
        _pack(planes, target[y])


@compiled(inline="always")
def _ramp(six: np.float32, offset: np.float32) -> np.float32:
    """How far a channel is below the value, 0..1, at a hue in sextants."""
    ramp = six + offset
    ramp = ramp - _SIX if ramp >= _SIX else ramp
    other = _FOUR - ramp
    ramp = other if other < ramp else ramp
    ramp = _ZERO if ramp < _ZERO else ramp
    return _ONE if ramp > _ONE else ramp


@compiled()
def _turn_row(red: np.ndarray, green: np.ndarray, blue: np.ndarray, turn: float) -> None:
    """Hue of one row of planes in 0..1 turned in place; selects, not branches, so it vectorises."""
    for x in range(red.shape[0]):
        r, g, b = red[x], green[x], blue[x]
        high = r if r > g else g
        high = b if b > high else high
        low = r if r < g else g
        low = b if b < low else low
        span = high - low
        divisor = _ONE if span == _ZERO else span
        saturation = span / (_ONE if span == _ZERO else high)
        rc, gc, bc = (high - r) / divisor, (high - g) / divisor, (high - b) / divisor
        sextant = gc - rc + _FOUR
        sextant = rc - bc + _TWO if high == g else sextant
        sextant = bc - gc if high == r else sextant
        hue = sextant * _SIXTH + _ONE
        hue = hue - np.floor(hue) + turn
        hue = hue - np.floor(hue)
        six = hue * _SIX
        depth = high * saturation
        red[x] = (high - depth * _ramp(six, _FIVE)) * _SCALE
        green[x] = (high - depth * _ramp(six, _THREE)) * _SCALE
        blue[x] = (high - depth * _ramp(six, _ONE)) * _SCALE


@compiled()
def turn_hue(source: np.ndarray, target: np.ndarray, table: np.ndarray, turn: float) -> None:
    """Turns the hue; the (256, 3) float32 table gives values in 0..255."""
    height, width = source.shape[0], source.shape[1] // 3
    unit = table * _BYTE
    planes = np.empty((3, width), np.float32)
    for y in range(height):
        _unpack(source[y], unit, planes)
        _turn_row(planes[0], planes[1], planes[2], turn)
        _pack(planes, target[y])


@compiled()
def mix_channels(image: np.ndarray, matrix: np.ndarray) -> None:
    """Multiplies each pixel by a matrix of nine numbers, row by row; rounded to nearest."""
    for y in range(image.shape[0]):
        row = image[y]
        for x in range(image.shape[1] // 3):
            r, g, b = np.float32(row[3 * x]), np.float32(row[3 * x + 1]), np.float32(row[3 * x + 2])
            for c in range(3):
                value = r * matrix[3 * c] + g * matrix[3 * c + 1] + b * matrix[3 * c + 2] + _HALF
                row[3 * x + c] = to_byte(value)


@compiled()
def run_colour(
    images: np.ndarray,
    start: int,
    stop: int,
    op: np.ndarray,
    magnitude: np.ndarray,
    vector: np.ndarray,
) -> None:
    """Colour operations of a range of images of three channels, in place.

    Args:
        images: (B, H, W·3) uint8.
        start, stop: the range of samples.
        op: (B, S) int64; codes of other stages change nothing.
        magnitude: (B, S) float32.
        vector: (B, S, 9 or 0) float32.
    """
    plain = identity_table().astype(np.float32)
    for b in range(start, stop):
        image = images[b]
        for s in range(op.shape[1]):
            if op[b, s] == _SATURATION:
                blend_gray(image, image, plain, -magnitude[b, s])
            elif op[b, s] == _GRAYSCALE:
                blend_gray(image, image, plain, _ONE)
            elif op[b, s] == _HUE:
                if magnitude[b, s] != _ZERO:
                    turn_hue(image, image, plain, magnitude[b, s])
            elif op[b, s] == _CHANNEL_MIX:
                mix_channels(image, vector[b, s])


@compiled()
def run_jitter(
    source: np.ndarray,
    target: np.ndarray,
    start: int,
    stop: int,
    order: np.ndarray,
    amounts: np.ndarray,
    channels: int,
) -> None:
    """Colour jitter in each sample's order, as `jitter` in torch_code/colour.py.

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
                blend_table(table, amount, _ZERO)
            elif which == 1:
                mean = gray_mean(image, pending.astype(np.float32), channels)
                blend_table(table, amount, mean)
            elif channels == 3:
                values = pending.astype(np.float32)
                if which == 2:
                    blend_gray(image, target[b], values, -amount)
                else:
                    turn_hue(image, target[b], values, amount)
                image = target[b]
                pending = identity_table()
                dirty = False
                continue
            else:
                continue
            compose(pending, table)
            dirty = True
        if dirty:
            look_up(image, target[b], pending, channels)
        else:
            copy_image(image, target[b])
