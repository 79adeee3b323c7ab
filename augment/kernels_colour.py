"""CPU kernels of the tone and colour stages: one image at a time, bytes in and out, numba.

Each does in float32 what its batched twin in tone.py or colour.py does, in the same order, so the
results are equal. Images are (H, W·C) uint8, channels interleaved: a row is one run of memory.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# Floating constants as float32: a Python float would pull the arithmetic up to float64.
_RED, _GREEN, _BLUE = np.float32(0.2989), np.float32(0.587), np.float32(0.114)
_ZERO, _ONE, _TOP = np.float32(0.0), np.float32(1.0), np.float32(255.0)
_SCALE = np.float32(255.999)
_BYTE = np.float32(1.0 / 255.0)
_SIXTH = np.float32(1.0 / 6.0)
_TWO, _THREE, _FOUR, _FIVE, _SIX = (np.float32(v) for v in (2.0, 3.0, 4.0, 5.0, 6.0))
_HALF = np.float32(0.5)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _gray(red: float, green: float, blue: float) -> float:
    """ITU-R 601 luma rounded down; sums rounded once, like torch's fused multiply-add."""
    first = np.float32(np.float64(red * _RED) + np.float64(green) * np.float64(_GREEN))
    return np.floor(np.float32(np.float64(first) + np.float64(blue) * np.float64(_BLUE)))


@njit(nogil=True, cache=True, error_model="numpy")
def gray_mean(image: np.ndarray, table: np.ndarray, channels: int) -> float:
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
            total += _gray(table[row[3 * x], 0], table[row[3 * x + 1], 1], table[row[3 * x + 2], 2])
    return np.float32(total) / np.float32(height * (length // 3))


@njit(nogil=True, cache=True, error_model="numpy")
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


@njit(nogil=True, cache=True, error_model="numpy")
def _clamp(value: float) -> int:
    return np.uint8(min(max(value, _ZERO), _TOP))


@njit(nogil=True, cache=True, error_model="numpy")
def autocontrast_table(image: np.ndarray, table: np.ndarray, channels: int) -> None:
    """Fills (256, 3) uint8: each channel's range stretched to 0..255."""
    height, length = image.shape
    for c in range(channels):
        low, high = 255, 0
        for y in range(height):
            row = image[y]
            for x in range(c, length, channels):
                value = row[x]
                low = min(low, value)
                high = max(high, value)
        scale = np.float32(high - low) * _BYTE
        for i in range(256):
            if low == high:
                table[i, c] = i
            else:
                table[i, c] = _clamp((np.float32(i) - np.float32(low)) / scale)


@njit(nogil=True, cache=True, error_model="numpy")
def equalize_table(image: np.ndarray, table: np.ndarray, channels: int) -> None:
    """Fills (256, 3) uint8 that flattens each channel's histogram."""
    height, length = image.shape
    counts = np.zeros((channels, 256), np.int64)
    for y in range(height):
        row = image[y]
        for x in range(length // channels):
            for c in range(channels):
                counts[c, row[x * channels + c]] += 1
    for c in range(channels):
        brightest = 255
        while counts[c, brightest] == 0:
            brightest -= 1
        step = (height * (length // channels) - counts[c, brightest]) // 255
        below = 0
        for i in range(256):
            table[i, c] = i if step == 0 else min((below + step // 2) // step, 255)
            below += counts[c, i]


@njit(nogil=True, cache=True, error_model="numpy")
def brightness_table(table: np.ndarray, offset: float) -> None:
    """Fills (256, 3) uint8; ``offset`` is the factor minus 1, float32."""
    for i in range(256):
        table[i, :] = _clamp(np.float32(i) * (_ONE + offset))


@njit(nogil=True, cache=True, error_model="numpy")
def contrast_table(table: np.ndarray, offset: float, mean: float) -> None:
    """Fills (256, 3) uint8; the sum is rounded once, like torch's fused multiply-add."""
    share = np.float64(-offset) * np.float64(mean)
    for i in range(256):
        product = np.float32(i) * (_ONE + offset)
        table[i, :] = _clamp(np.float32(np.float64(product) + share))


@njit(nogil=True, cache=True, error_model="numpy")
def blend_table(table: np.ndarray, offset: float, other: float) -> None:
    """Fills (256, 3) uint8: the blend of colour jitter, each product rounded."""
    share = -offset
    for i in range(256):
        table[i, :] = _clamp(np.float32(i) * (_ONE - share) + other * share)


@njit(nogil=True, cache=True, error_model="numpy")
def fixed_table(table: np.ndarray, kind: int, magnitude: float) -> None:
    """Fills (256, 3) uint8: 0 solarize, 1 posterize, 2 invert, 3 gamma."""
    for i in range(256):
        value = i
        if kind == 0:
            if np.float32(i) >= _TOP * magnitude:
                value = 255 - i
        elif kind == 1:
            value = i & (256 - (1 << (8 - int(magnitude))))
        elif kind == 2:
            value = 255 - i
        else:
            value = int(np.float32(math.pow(np.float32(i) * _BYTE, magnitude)) * _SCALE)
        table[i, :] = value


@njit(nogil=True, cache=True, error_model="numpy")
def compose(pending: np.ndarray, table: np.ndarray) -> None:
    """pending = table after pending, both (256, 3) uint8."""
    for i in range(256):
        for c in range(3):
            pending[i, c] = table[pending[i, c], c]


@njit(nogil=True, cache=True, error_model="numpy")
def _unpack(row: np.ndarray, table: np.ndarray, planes: np.ndarray) -> None:
    """One interleaved row through a (256, 3) float32 table into (3, W) float32."""
    for x in range(planes.shape[1]):
        planes[0, x] = table[row[3 * x], 0]
        planes[1, x] = table[row[3 * x + 1], 1]
        planes[2, x] = table[row[3 * x + 2], 2]


@njit(nogil=True, cache=True, error_model="numpy")
def _pack(planes: np.ndarray, row: np.ndarray) -> None:
    """(3, W) float32 in 0..255 to one interleaved row, rounded down."""
    for x in range(planes.shape[1]):
        row[3 * x] = np.uint8(np.int32(planes[0, x]))
        row[3 * x + 1] = np.uint8(np.int32(planes[1, x]))
        row[3 * x + 2] = np.uint8(np.int32(planes[2, x]))


@njit(nogil=True, cache=True, error_model="numpy")
def blend_gray(source: np.ndarray, target: np.ndarray, table: np.ndarray, share: float) -> None:
    """Blends each pixel with its gray value, through a (256, 3) float32 table."""
    height, width = source.shape[0], source.shape[1] // 3
    planes = np.empty((3, width), np.float32)
    red, green, blue = planes[0], planes[1], planes[2]
    keep = _ONE - share
    for y in range(height):
        _unpack(source[y], table, planes)
        for x in range(width):
            part = _gray(red[x], green[x], blue[x]) * share
            red[x] = min(max(red[x] * keep + part, _ZERO), _TOP)
            green[x] = min(max(green[x] * keep + part, _ZERO), _TOP)
            blue[x] = min(max(blue[x] * keep + part, _ZERO), _TOP)
        _pack(planes, target[y])


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _ramp(six: float, offset: float) -> float:
    """How far a channel is below the value, 0..1, at a hue in sextants."""
    ramp = six + offset
    ramp = ramp - _SIX if ramp >= _SIX else ramp
    other = _FOUR - ramp
    ramp = other if other < ramp else ramp
    ramp = _ZERO if ramp < _ZERO else ramp
    return _ONE if ramp > _ONE else ramp


@njit(nogil=True, cache=True, error_model="numpy")
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


@njit(nogil=True, cache=True, error_model="numpy")
def turn_hue(source: np.ndarray, target: np.ndarray, table: np.ndarray, turn: float) -> None:
    """Turns the hue; the (256, 3) float32 table gives values in 0..255."""
    height, width = source.shape[0], source.shape[1] // 3
    unit = table * _BYTE
    planes = np.empty((3, width), np.float32)
    for y in range(height):
        _unpack(source[y], unit, planes)
        _turn_row(planes[0], planes[1], planes[2], turn)
        _pack(planes, target[y])


@njit(nogil=True, cache=True, error_model="numpy")
def mix_channels(image: np.ndarray, matrix: np.ndarray) -> None:
    """Multiplies each pixel by a matrix of nine numbers, row by row; rounded to nearest."""
    for y in range(image.shape[0]):
        row = image[y]
        for x in range(image.shape[1] // 3):
            r, g, b = np.float32(row[3 * x]), np.float32(row[3 * x + 1]), np.float32(row[3 * x + 2])
            for c in range(3):
                value = r * matrix[3 * c] + g * matrix[3 * c + 1] + b * matrix[3 * c + 2] + _HALF
                row[3 * x + c] = _clamp(value)
