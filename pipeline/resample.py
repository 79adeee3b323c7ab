"""Antialiased bilinear crop-and-resize on the CPU, compiled by numba, without the GIL.

Weights are those of PIL's and torch's antialiased `bilinear` (a triangle as wide as the scale
when shrinking, plain bilinear when enlarging). The pass that leaves fewer rows goes first, in
float32; nothing is rounded in between, so results differ from torch's, which rounds twice, by at
most one level.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.jit import compiled
from pipeline.simd import (
    BYTES_PER_BLOCK,
    FLOATS_PER_BLOCK,
    byte_at,
    combine_bytes,
    combine_floats,
    copy_bytes,
    pixel_to_bytes,
    pixel_to_floats,
)


@compiled(fastmath=True)
def _triangle_weights(num_in: int, num_out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First input and weights of each output.

    Returns:
        first (num_out,) int64, count (num_out,) int64, weights (num_out, taps) float32, zero
        beyond `count`; taps is the largest count.
    """
    scale = num_in / num_out
    support = max(scale, 1.0)
    first, count = np.empty(num_out, np.int64), np.empty(num_out, np.int64)
    weights = np.zeros((num_out, 2 * math.ceil(support) + 1), np.float32)
    taps = 0
    for o in range(num_out):
        centre = scale * (o + 0.5)
        low = max(0, int(centre - support + 0.5))
        high = min(num_in, int(centre + support + 0.5))
        total = 0.0
        for k in range(high - low):
            value = max(0.0, 1.0 - abs((k + low - centre + 0.5) / support))
            weights[o, k] = value
            total += value
        for k in range(high - low):
            weights[o, k] /= total
        first[o], count[o] = low, high - low
        taps = max(taps, high - low)
    return first, count, weights[:, :taps]


@compiled(inline="always")
def _bytes_row(row: int, taps: int, first: np.ndarray, weights: int, stride: int, out: int) -> None:
    """A row of floats to a row of output bytes.

    Args:
        row, weights, out: addresses.
        taps: a constant here lets LLVM unroll the loop, which then mispredicts no branch.
        first: (S,) first pixel of each output.
        stride: bytes from one output's weights to the next one's.
    """
    for o in range(len(first)):
        pixel_to_bytes(row + 12 * first[o], taps, weights + o * stride, out + 3 * o)


@compiled(inline="always")
def _floats_row(
    row: int, taps: int, first: np.ndarray, weights: int, stride: int, out: int
) -> None:
    """As _bytes_row, but to floats."""
    for o in range(len(first)):
        pixel_to_floats(row + 12 * first[o], taps, weights + o * stride, out + 12 * o)


@compiled()
def _combine_source(
    at: int, stride: int, count: int, num_bytes: int, weights: int, narrow: np.ndarray, out: int
) -> None:
    """Combines `count` rows of source bytes into floats; reads nothing outside the rows.

    A row shorter than a block goes through `narrow`; else the last block overlaps the one before.
    """
    if num_bytes < BYTES_PER_BLOCK:
        for k in range(count):
            for i in range(num_bytes):
                narrow[k, i] = byte_at(at + k * stride + i)
        combine_bytes(narrow.ctypes.data, BYTES_PER_BLOCK, count, weights, out)
        return
    last = num_bytes - BYTES_PER_BLOCK
    for i in range(0, last, BYTES_PER_BLOCK):
        combine_bytes(at + i, stride, count, weights, out + 4 * i)
    combine_bytes(at + last, stride, count, weights, out + 4 * last)


@compiled()
def resize_box(
    source: int, stride: int, height: int, width: int, flip: bool, out: np.ndarray
) -> None:
    """Resizes a box of an RGB image to a square.

    Args:
        source: address of the box's top left pixel, uint8 HWC; exactly the box is read.
        stride: bytes from one row of the image to the next.
        height, width: of the box, px, at least 1.
        flip: mirror left to right.
        out: (S, S, 3) uint8, C-contiguous, written.
    """
    size = out.shape[0]
    first_y, count_y, weights_y = _triangle_weights(height, size)
    first_x, _, weights_x = _triangle_weights(width, size)
    if flip:
        first_x, weights_x = first_x[::-1].copy(), weights_x[::-1].copy()
    num_bytes, num_floats = 3 * width, 3 * size
    # Taps of weight zero are read too, so what lies behind the row must be finite.
    row = np.zeros(max(num_bytes, BYTES_PER_BLOCK) + 3 * weights_x.shape[1] + 4, np.float32)
    narrow = np.zeros((max(1, weights_y.shape[1]), BYTES_PER_BLOCK), np.uint8)
    if height < size:
        _enlarge(
            source,
            stride,
            height,
            num_bytes,
            (first_y, count_y, weights_y),
            (first_x, weights_x),
            row,
            narrow,
            out,
        )
        return
    line = np.empty(num_floats + 1, np.uint8)
    taps = weights_x.shape[1]
    for y in range(size):
        # numba frees an array after its last use by name, so these addresses are taken here and
        # not before the loop; taking one counts references, so not in the inner loops either.
        row_at, line_at = row.ctypes.data, line.ctypes.data
        weights_at, pitch = weights_x.ctypes.data, weights_x.strides[0]
        _combine_source(
            source + first_y[y] * stride,
            stride,
            count_y[y],
            num_bytes,
            weights_y.ctypes.data + y * weights_y.strides[0],
            narrow,
            row_at,
        )
        if taps == 2:
            _bytes_row(row_at, 2, first_x, weights_at, pitch, line_at)
        elif taps == 3:
            _bytes_row(row_at, 3, first_x, weights_at, pitch, line_at)
        elif taps == 4:
            _bytes_row(row_at, 4, first_x, weights_at, pitch, line_at)
        elif taps == 5:
            _bytes_row(row_at, 5, first_x, weights_at, pitch, line_at)
        else:
            _bytes_row(row_at, taps, first_x, weights_at, pitch, line_at)
        copy_bytes(line_at, num_floats, out.ctypes.data + y * num_floats)


@compiled()
def _enlarge(
    source: int,
    stride: int,
    height: int,
    num_bytes: int,
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    columns: tuple[np.ndarray, np.ndarray],
    row: np.ndarray,
    narrow: np.ndarray,
    out: np.ndarray,
) -> None:
    """resize_box where there are fewer rows than results: the horizontal pass goes first."""
    first_y, count_y, weights_y = rows
    first_x, weights_x = columns
    size, num_floats = out.shape[0], 3 * out.shape[0]
    one = np.ones(1, np.float32)
    padded = -(-num_floats // FLOATS_PER_BLOCK) * FLOATS_PER_BLOCK
    # One row more than there are: it is read with weight zero.
    wide = np.zeros((height + 1, padded + 1), np.float32)
    line = np.empty(padded, np.uint8)
    pitch_wide, pitch, taps = wide.strides[0], weights_x.strides[0], weights_x.shape[1]
    for y in range(height):
        row_at, weights_at = row.ctypes.data, weights_x.ctypes.data
        at = wide.ctypes.data + y * pitch_wide
        _combine_source(source + y * stride, 0, 1, num_bytes, one.ctypes.data, narrow, row_at)
        if taps == 2:
            _floats_row(row_at, 2, first_x, weights_at, pitch, at)
        elif taps == 3:
            _floats_row(row_at, 3, first_x, weights_at, pitch, at)
        else:
            _floats_row(row_at, taps, first_x, weights_at, pitch, at)
    for y in range(size):
        at = wide.ctypes.data + first_y[y] * pitch_wide
        weights_at = weights_y.ctypes.data + y * weights_y.strides[0]
        line_at = line.ctypes.data
        if weights_y.shape[1] == 2:
            for i in range(0, padded, FLOATS_PER_BLOCK):
                combine_floats(at + 4 * i, pitch_wide, 2, weights_at, line_at + i)
        else:
            for i in range(0, padded, FLOATS_PER_BLOCK):
                combine_floats(at + 4 * i, pitch_wide, count_y[y], weights_at, line_at + i)
        copy_bytes(line_at, num_floats, out.ctypes.data + y * num_floats)


@compiled()
def resize_raw_run(
    base: int,
    ptrs: np.ndarray,
    widths: np.ndarray,
    boxes: np.ndarray,
    flips: np.ndarray,
    out: np.ndarray,
) -> None:
    """Resizes the boxes of a run of raw images in one call.

    Args:
        base: address of the mapped file.
        ptrs: (n,) int64 offset of each image in it.
        widths: (n,) int32 px of each whole image.
        boxes: (n, 4) int32 y, x, height, width.
        flips: (n,) bool.
        out: (n, S, S, 3) uint8, C-contiguous, written.
    """
    for i in range(len(ptrs)):
        y, x, height, width = boxes[i]
        stride = np.int64(3) * widths[i]
        source = base + ptrs[i] + y * stride + 3 * x
        resize_box(source, stride, height, width, flips[i], out[i])
