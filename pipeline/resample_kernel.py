"""The crop-and-resize of `pipeline.resample`, for numba to compile.

The functions take addresses as integers and allocate nothing through numba, so that their machine
code runs without numba's runtime; other compiled code may call them too. Nothing is checked here.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.jit import compiled
from pipeline.simd import (
    BYTES_PER_BLOCK,
    FLOATS_PER_BLOCK,
    allocate,
    combine_bytes,
    combine_floats,
    copy_bytes,
    int64_at,
    pixel_to_bytes,
    pixel_to_floats,
    put_float,
    put_int64,
    put_zeros,
    release,
)

OUT_OF_MEMORY = 1
_ALIGN = 64


@compiled(inline="always", _nrt=False)
def _taps_of(num_in: int, num_out: int) -> int:
    """The most inputs that one output can have."""
    return 2 * math.ceil(max(num_in / num_out, 1.0)) + 1


@compiled(inline="always", _nrt=False)
def _room(num_bytes: int) -> int:
    """Bytes to set aside for an array so that the next one is aligned."""
    return (num_bytes + _ALIGN - 1) // _ALIGN * _ALIGN


@compiled(fastmath=True, _nrt=False)
def _triangle_weights(
    num_in: int, num_out: int, flip: bool, first_at: int, count_at: int, weights_at: int
) -> int:
    """First input, number of inputs, and weights of each output.

    Args:
        flip: the last output comes first.
        first_at, count_at: addresses of (num_out,) int64, written.
        weights_at: address of (num_out, _taps_of) float32, written; zero beyond the count.

    Returns:
        The largest count.
    """
    most = _taps_of(num_in, num_out)
    put_zeros(weights_at, 4 * most * num_out)
    scale = num_in / num_out
    support = max(scale, 1.0)
    taps = 0
    for o in range(num_out):
        at = num_out - 1 - o if flip else o
        centre = scale * (o + 0.5)
        low = max(0, int(centre - support + 0.5))
        high = min(num_in, int(centre + support + 0.5))
        row = weights_at + 4 * most * at
        total = 0.0
        for k in range(low, high):
            total += max(0.0, 1.0 - abs((k - centre + 0.5) / support))
        for k in range(low, high):
            weight = max(0.0, 1.0 - abs((k - centre + 0.5) / support)) / total
            put_float(row + 4 * (k - low), np.float32(weight))
        put_int64(first_at + 8 * at, low)
        put_int64(count_at + 8 * at, high - low)
        taps = max(taps, high - low)
    return taps


@compiled(inline="always", _nrt=False)
def _bytes_row(
    row: int, taps: int, num_out: int, firsts: int, weights: int, pitch: int, out: int
) -> None:
    """A row of floats to a row of output bytes.

    Args:
        row, weights, out: addresses.
        taps: a constant here lets LLVM unroll the loop, which then mispredicts no branch.
        firsts: address of (num_out,) int64, the first pixel of each output.
        pitch: bytes from one output's weights to the next one's.
    """
    for o in range(num_out):
        first = int64_at(firsts + 8 * o)
        pixel_to_bytes(row + 12 * first, taps, weights + o * pitch, out + 3 * o)


@compiled(inline="always", _nrt=False)
def _floats_row(
    row: int, taps: int, num_out: int, firsts: int, weights: int, pitch: int, out: int
) -> None:
    """As _bytes_row, but to floats."""
    for o in range(num_out):
        pixel_to_floats(
            row + 12 * int64_at(firsts + 8 * o), taps, weights + o * pitch, out + 12 * o
        )


@compiled(_nrt=False)
def _combine_source(
    at: int, stride: int, count: int, num_bytes: int, weights: int, narrow: int, out: int
) -> None:
    """Combines `count` rows of source bytes into floats; reads nothing outside the rows.

    A row shorter than a block goes through `narrow`, (count, BYTES_PER_BLOCK) uint8; else the last
    block overlaps the one before.
    """
    if num_bytes < BYTES_PER_BLOCK:
        for k in range(count):
            copy_bytes(at + k * stride, num_bytes, narrow + k * BYTES_PER_BLOCK)
        combine_bytes(narrow, BYTES_PER_BLOCK, count, weights, out)
        return
    last = num_bytes - BYTES_PER_BLOCK
    for i in range(0, last, BYTES_PER_BLOCK):
        combine_bytes(at + i, stride, count, weights, out + 4 * i)
    combine_bytes(at + last, stride, count, weights, out + 4 * last)


@compiled(_nrt=False)
def resize_box(
    source: int,
    stride: int,
    height: int,
    width: int,
    flip: int,
    out_height: int,
    out_width: int,
    out: int,
) -> int:
    """Resizes a box of an RGB image.

    Args:
        source: address of the box's top left pixel, uint8 HWC; exactly the box is read.
        stride: bytes from one row of the image to the next.
        height, width: of the box, px, at least 1.
        flip: not 0 to mirror left to right.
        out_height, out_width: px, at least 1.
        out: address of (out_height, out_width, 3) uint8, written.

    Returns:
        0, or OUT_OF_MEMORY.
    """
    num_bytes, num_floats = 3 * width, 3 * out_width
    taps_y, taps_x = _taps_of(height, out_height), _taps_of(width, out_width)
    padded = -(-num_floats // FLOATS_PER_BLOCK) * FLOATS_PER_BLOCK
    # Taps of weight zero are read too, so what lies behind a row must be finite.
    row_bytes = 4 * (max(num_bytes, BYTES_PER_BLOCK) + 3 * taps_x + 4)
    first_bytes, weights_bytes = _room(8 * out_height), _room(4 * taps_y * out_height)
    column_bytes, column_weights_bytes = _room(8 * out_width), _room(4 * taps_x * out_width)
    wide_pitch = 4 * (padded + 1)
    # One row more than there are: it is read with weight zero.
    wide_bytes = (height + 1) * wide_pitch if height < out_height else 0
    total = 2 * (first_bytes + column_bytes) + weights_bytes + column_weights_bytes
    total += _room(row_bytes) + taps_y * BYTES_PER_BLOCK + _room(padded + 1) + _ALIGN + wide_bytes
    scratch = allocate(total)
    if scratch == 0:
        return OUT_OF_MEMORY
    first_y = scratch
    count_y = first_y + first_bytes
    weights_y = count_y + first_bytes
    first_x = weights_y + weights_bytes
    count_x = first_x + column_bytes
    weights_x = count_x + column_bytes
    row = weights_x + column_weights_bytes
    narrow = row + _room(row_bytes)
    line = narrow + taps_y * BYTES_PER_BLOCK
    one = line + _room(padded + 1)
    wide = one + _ALIGN
    most_y = _triangle_weights(height, out_height, False, first_y, count_y, weights_y)
    most_x = _triangle_weights(width, out_width, flip != 0, first_x, count_x, weights_x)
    put_zeros(row, row_bytes)
    put_zeros(narrow, taps_y * BYTES_PER_BLOCK)
    pitch_x, pitch_y = 4 * taps_x, 4 * taps_y
    if height < out_height:
        # Fewer rows than results: the horizontal pass goes first.
        put_float(one, np.float32(1))
        put_zeros(wide, wide_bytes)
        for y in range(height):
            at = wide + y * wide_pitch
            _combine_source(source + y * stride, 0, 1, num_bytes, one, narrow, row)
            if most_x == 2:
                _floats_row(row, 2, out_width, first_x, weights_x, pitch_x, at)
            elif most_x == 3:
                _floats_row(row, 3, out_width, first_x, weights_x, pitch_x, at)
            else:
                _floats_row(row, most_x, out_width, first_x, weights_x, pitch_x, at)
        for y in range(out_height):
            at = wide + int64_at(first_y + 8 * y) * wide_pitch
            weights = weights_y + y * pitch_y
            if most_y == 2:
                for i in range(0, padded, FLOATS_PER_BLOCK):
                    combine_floats(at + 4 * i, wide_pitch, 2, weights, line + i)
            else:
                for i in range(0, padded, FLOATS_PER_BLOCK):
                    combine_floats(
                        at + 4 * i, wide_pitch, int64_at(count_y + 8 * y), weights, line + i
                    )
            copy_bytes(line, num_floats, out + y * num_floats)
        release(scratch)
        return 0
    for y in range(out_height):
        at = source + int64_at(first_y + 8 * y) * stride
        weights = weights_y + y * pitch_y
        _combine_source(at, stride, int64_at(count_y + 8 * y), num_bytes, weights, narrow, row)
        if most_x == 2:
            _bytes_row(row, 2, out_width, first_x, weights_x, pitch_x, line)
        elif most_x == 3:
            _bytes_row(row, 3, out_width, first_x, weights_x, pitch_x, line)
        elif most_x == 4:
            _bytes_row(row, 4, out_width, first_x, weights_x, pitch_x, line)
        elif most_x == 5:
            _bytes_row(row, 5, out_width, first_x, weights_x, pitch_x, line)
        else:
            _bytes_row(row, most_x, out_width, first_x, weights_x, pitch_x, line)
        copy_bytes(line, num_floats, out + y * num_floats)
    release(scratch)
    return 0


@compiled(_nrt=False)
def resize_boxes(count: int, table: int, out_height: int, out_width: int) -> int:
    """resize_box for each row of a table.

    Args:
        count: n.
        table: address of (n, 6) int64: source, stride, height, width, flip, out.

    Returns:
        0, or OUT_OF_MEMORY.
    """
    for i in range(count):
        row = table + 48 * i
        source, stride = int64_at(row), int64_at(row + 8)
        height, width = int64_at(row + 16), int64_at(row + 24)
        flip, out = int64_at(row + 32), int64_at(row + 40)
        if resize_box(source, stride, height, width, flip, out_height, out_width, out) != 0:
            return OUT_OF_MEMORY
    return 0
