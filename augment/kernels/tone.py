"""CPU kernels of the tone stage: a table of 256 entries for each image, and one lookup.

They do what torch_code/tone.py does for a batch, in the same order in float32, so the results are
equal. Images are (H, W·C) uint8, channels interleaved: a row is one run of memory. A function that
fills a table is named by its operation's row in operations/tone.py.
"""

from __future__ import annotations

import math

import numpy as np

from headrace.augment.kernels.pixels import gray_mean, identity_table, look_up, to_byte
from headrace.augment.ops import Op
from headrace.pipeline.jit import compiled

_BRIGHTNESS, _CONTRAST, _SOLARIZE = int(Op.BRIGHTNESS), int(Op.CONTRAST), int(Op.SOLARIZE)
_POSTERIZE, _AUTOCONTRAST, _EQUALIZE = int(Op.POSTERIZE), int(Op.AUTOCONTRAST), int(Op.EQUALIZE)
_INVERT, _GAMMA = int(Op.INVERT), int(Op.GAMMA)
# Floating constants as float32: a Python float would pull the arithmetic up to float64.
_ONE, _TOP = np.float32(1.0), np.float32(255.0)
_SCALE = np.float32(255.999)
_BYTE = np.float32(1.0 / 255.0)


@compiled()
def brightness_table(table: np.ndarray, offset: float) -> None:
    """Fills (256, 3) uint8; ``offset`` is the factor minus 1, float32."""
    for i in range(256):
        table[i, :] = to_byte(np.float32(i) * (_ONE + offset))


@compiled()
def contrast_table(table: np.ndarray, offset: float, mean: float) -> None:
    """Fills (256, 3) uint8; the sum is rounded once, like torch's fused multiply-add."""
    share = np.float64(-offset) * np.float64(mean)
    for i in range(256):
        product = np.float32(i) * (_ONE + offset)
        table[i, :] = to_byte(np.float32(np.float64(product) + share))


@compiled()
def solarize_table(table: np.ndarray, threshold: float) -> None:
    """Fills (256, 3) uint8; ``threshold`` is a share of 255."""
    for i in range(256):
        table[i, :] = 255 - i if np.float32(i) >= _TOP * threshold else i


@compiled()
def posterize_table(table: np.ndarray, bits: float) -> None:
    """Fills (256, 3) uint8: only the highest ``bits`` are kept."""
    for i in range(256):
        table[i, :] = i & (256 - (1 << (8 - int(bits))))


@compiled()
def invert_table(table: np.ndarray) -> None:
    """Fills (256, 3) uint8."""
    for i in range(256):
        table[i, :] = 255 - i


@compiled()
def gamma_table(table: np.ndarray, exponent: float) -> None:
    """Fills (256, 3) uint8."""
    for i in range(256):
        table[i, :] = int(np.float32(math.pow(np.float32(i) * _BYTE, exponent)) * _SCALE)


@compiled()
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
                table[i, c] = to_byte((np.float32(i) - np.float32(low)) / scale)


@compiled()
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


@compiled()
def _tone_table(
    image: np.ndarray, op: int, magnitude: float, table: np.ndarray, channels: int
) -> bool:
    """Fills the table of an operation; False, and no table, for a code of another stage."""
    if op == _BRIGHTNESS:
        brightness_table(table, magnitude)
    elif op == _CONTRAST:
        plain = identity_table().astype(np.float32)
        contrast_table(table, magnitude, gray_mean(image, plain, channels))
    elif op == _SOLARIZE:
        solarize_table(table, magnitude)
    elif op == _POSTERIZE:
        posterize_table(table, magnitude)
    elif op == _AUTOCONTRAST:
        autocontrast_table(image, table, channels)
    elif op == _EQUALIZE:
        equalize_table(image, table, channels)
    elif op == _INVERT:
        invert_table(table)
    elif op == _GAMMA:
        gamma_table(table, magnitude)
    else:
        return False
    return True


@compiled()
def run_tone(
    images: np.ndarray,
    start: int,
    stop: int,
    op: np.ndarray,
    magnitude: np.ndarray,
    channels: int,
) -> None:
    """Tone operations of a range of images, in place and in the order of the slots.

    Args:
        images: (B, H, W·C) uint8.
        start, stop: the range of samples.
        op: (B, S) int64; codes of other stages change nothing.
        magnitude: (B, S) float32.
        channels: 1 or 3.
    """
    table = np.empty((256, 3), np.uint8)
    for b in range(start, stop):
        for s in range(op.shape[1]):
            if _tone_table(images[b], op[b, s], magnitude[b, s], table, channels):
                look_up(images[b], images[b], table, channels)
