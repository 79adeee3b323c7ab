"""The crop-and-resize of `headrace.pipeline.resampling.boxes`, for numba to compile.

The functions take addresses as integers and allocate nothing through numba, so that their machine
code runs without numba's runtime; other compiled code may call them too. Nothing is checked here.
"""

from __future__ import annotations

import math

import numpy as np

from headrace.pipeline.jit import compiled
from headrace.pipeline.resampling.simd import (
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


@compiled(inline="always", _nrt=False)
def _axis_bytes(num_in: int, num_out: int) -> int:
    """Memory that `_axis` needs."""
    return 2 * _room(8 * num_out) + _room(4 * _taps_of(num_in, num_out) * num_out)


@compiled(fastmath=True, _nrt=False)
def _axis(num_in: int, num_out: int, flip: bool, memory: int) -> tuple[int, int, int, int, int]:
    """Which inputs make up each output along one axis, and with what weights.

    Args:
        flip: the last output comes first.
        memory: address of _axis_bytes, written.

    Returns:
        Address of (num_out,) int64, the first input of each output; address of (num_out,) int64,
        how many there are; address of float32 weights, zero beyond that number; bytes from one
        output's weights to the next one's; the largest number of inputs.
    """
    pitch = 4 * _taps_of(num_in, num_out)
    firsts = memory
    counts = firsts + _room(8 * num_out)
    weights = counts + _room(8 * num_out)
    put_zeros(weights, pitch * num_out)
    scale = num_in / num_out
    support = max(scale, 1.0)
    taps = 0
    for o in range(num_out):
        at = num_out - 1 - o if flip else o
        centre = scale * (o + 0.5)
        low = max(0, int(centre - support + 0.5))
        high = min(num_in, int(centre + support + 0.5))
        total = 0.0
        for k in range(low, high):
            total += max(0.0, 1.0 - abs((k - centre + 0.5) / support))
        for k in range(low, high):
            weight = max(0.0, 1.0 - abs((k - centre + 0.5) / support)) / total
            put_float(weights + pitch * at + 4 * (k - low), np.float32(weight))
        put_int64(firsts + 8 * at, low)
        put_int64(counts + 8 * at, high - low)
        taps = max(taps, high - low)
    return firsts, counts, weights, pitch, taps


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


@compiled(inline="always", _nrt=False)
def _padded(out_width: int) -> int:
    """Values of a row of results, filled up to whole blocks."""
    return -(-3 * out_width // FLOATS_PER_BLOCK) * FLOATS_PER_BLOCK


@compiled(_nrt=False)
def _shrink(
    box: tuple[int, int, int, int],
    target: tuple[int, int, int, int],
    rows: tuple[int, int, int, int, int],
    columns: tuple[int, int, int, int, int],
    row: int,
    narrow: int,
    line: int,
) -> None:
    """resize_box where there are at least as many rows as results: the vertical pass goes first.

    Args:
        box: source, stride, height, width.
        target: out_height, out_width, out, out_stride.
        rows, columns: what _axis made.
        row, narrow, line: addresses of scratch space.
    """
    source, stride, _, width = box
    out_height, out_width, out, out_stride = target
    first_y, count_y, weights_y, pitch_y, _ = rows
    first_x, _, weights_x, pitch, taps = columns
    for y in range(out_height):
        at = source + int64_at(first_y + 8 * y) * stride
        count, weights = int64_at(count_y + 8 * y), weights_y + y * pitch_y
        _combine_source(at, stride, count, 3 * width, weights, narrow, row)
        if taps == 2:
            _bytes_row(row, 2, out_width, first_x, weights_x, pitch, line)
        elif taps == 3:
            _bytes_row(row, 3, out_width, first_x, weights_x, pitch, line)
        elif taps == 4:
            _bytes_row(row, 4, out_width, first_x, weights_x, pitch, line)
        elif taps == 5:
            _bytes_row(row, 5, out_width, first_x, weights_x, pitch, line)
        else:
            _bytes_row(row, taps, out_width, first_x, weights_x, pitch, line)
        copy_bytes(line, 3 * out_width, out + y * out_stride)


@compiled(_nrt=False)
def _enlarge(
    box: tuple[int, int, int, int],
    target: tuple[int, int, int, int],
    rows: tuple[int, int, int, int, int],
    columns: tuple[int, int, int, int, int],
    row: int,
    narrow: int,
    line: int,
    wide: int,
) -> None:
    """resize_box where there are fewer rows than results: the horizontal pass goes first.

    Args:
        box, target, rows, columns, row, narrow, line: as for _shrink.
        wide: address of zeros, room for a row of results as floats for each row of the box and
            one more, which is read with weight zero.
    """
    source, stride, height, width = box
    out_height, out_width, out, out_stride = target
    first_y, count_y, weights_y, pitch_y, taps_y = rows
    first_x, _, weights_x, pitch, taps = columns
    one, wide = wide, wide + _ALIGN
    put_float(one, np.float32(1))
    padded = _padded(out_width)
    wide_pitch = 4 * (padded + 1)
    for y in range(height):
        at = wide + y * wide_pitch
        _combine_source(source + y * stride, 0, 1, 3 * width, one, narrow, row)
        if taps == 2:
            _floats_row(row, 2, out_width, first_x, weights_x, pitch, at)
        elif taps == 3:
            _floats_row(row, 3, out_width, first_x, weights_x, pitch, at)
        else:
            _floats_row(row, taps, out_width, first_x, weights_x, pitch, at)
    for y in range(out_height):
        at = wide + int64_at(first_y + 8 * y) * wide_pitch
        count, weights = int64_at(count_y + 8 * y), weights_y + y * pitch_y
        if taps_y == 2:
            for i in range(0, padded, FLOATS_PER_BLOCK):
                combine_floats(at + 4 * i, wide_pitch, 2, weights, line + i)
        else:
            for i in range(0, padded, FLOATS_PER_BLOCK):
                combine_floats(at + 4 * i, wide_pitch, count, weights, line + i)
        copy_bytes(line, 3 * out_width, out + y * out_stride)


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
    out_stride: int,
) -> int:
    """Resizes a box of an RGB image.

    Args:
        source: address of the box's top left pixel, uint8 HWC; exactly the box is read.
        stride: bytes from one row of the image to the next.
        height, width: of the box, px, at least 1.
        flip: not 0 to mirror left to right.
        out_height, out_width: px, at least 1.
        out: address of (out_height, out_width, 3) uint8, written.
        out_stride: bytes from one row of it to the next.

    Returns:
        0, or OUT_OF_MEMORY.
    """
    row_bytes = _room(4 * (max(3 * width, BYTES_PER_BLOCK) + 3 * _taps_of(width, out_width) + 4))
    narrow_bytes = _taps_of(height, out_height) * BYTES_PER_BLOCK
    line_bytes = _room(_padded(out_width) + 1)
    y_bytes, x_bytes = _axis_bytes(height, out_height), _axis_bytes(width, out_width)
    enlarge = height < out_height
    wide_bytes = _ALIGN + 4 * (height + 1) * (_padded(out_width) + 1) if enlarge else 0
    memory = allocate(y_bytes + x_bytes + row_bytes + narrow_bytes + line_bytes + wide_bytes)
    if memory == 0:
        return OUT_OF_MEMORY
    rows = _axis(height, out_height, False, memory)
    columns = _axis(width, out_width, flip != 0, memory + y_bytes)
    row = memory + y_bytes + x_bytes
    narrow = row + row_bytes
    line = narrow + narrow_bytes
    # Taps of weight zero are read too, so what lies behind a row must be finite.
    put_zeros(row, row_bytes + narrow_bytes)
    box = source, stride, height, width
    target = out_height, out_width, out, out_stride
    if enlarge:
        wide = line + line_bytes
        put_zeros(wide, wide_bytes)
        _enlarge(box, target, rows, columns, row, narrow, line, wide)
    else:
        _shrink(box, target, rows, columns, row, narrow, line)
    release(memory)
    return 0


@compiled(_nrt=False)
def resize_boxes(count: int, table: int) -> int:
    """resize_box for each row of a table.

    Args:
        count: n.
        table: address of (n, 9) int64: source, stride, height, width, flip, out_height, out_width,
            out, out_stride.

    Returns:
        0, or OUT_OF_MEMORY.
    """
    for i in range(count):
        row = table + 72 * i
        source, stride = int64_at(row), int64_at(row + 8)
        height, width = int64_at(row + 16), int64_at(row + 24)
        flip = int64_at(row + 32)
        out_height, out_width = int64_at(row + 40), int64_at(row + 48)
        out, out_stride = int64_at(row + 56), int64_at(row + 64)
        status = resize_box(
            source, stride, height, width, flip, out_height, out_width, out, out_stride
        )
        if status != 0:
            return OUT_OF_MEMORY
    return 0
