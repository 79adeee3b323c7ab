"""CPU kernels of the geometry stage: flips and warps of one image after the other.

They do what torch_code/geometry.py does for a batch, in the same order in float32.
Images are (H, W·C) uint8, channels interleaved: a row is one run of memory.
"""

from __future__ import annotations

import numpy as np

from headrace.augment.kernels.pixels import copy_image
from headrace.pipeline.jit import compiled

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@compiled()
def _mirror_row(row: np.ndarray, out: np.ndarray, channels: int) -> None:
    """One row from right to left. Unsigned indices spare numba's check for negative ones."""
    length = row.shape[0]
    if channels == 1:
        for x in range(length):
            out[x] = row[np.uint32(length - 1 - x)]
        return
    second, third = row[1:], row[2:]
    for x in range(length // 3):
        at = np.uint32(length - 3 - 3 * x)
        out[3 * x] = row[at]
        out[3 * x + 1] = second[at]
        out[3 * x + 2] = third[at]


@compiled()
def flip(source: np.ndarray, target: np.ndarray, left_right: bool, channels: int) -> None:
    """Mirrors rows (left_right) or columns; source and target are different images."""
    height = source.shape[0]
    for y in range(height):
        if left_right:
            _mirror_row(source[y], target[y], channels)
        else:
            for x in range(source.shape[1]):
                target[y, x] = source[np.uint32(height - 1 - y), x]


@compiled()
def _locate_row(matrix: np.ndarray, y: float, half_x: float, half_y: float, at: np.ndarray) -> None:
    """Fills at[0], at[1] ((2, W) float32) with where a row of output pixels is looked up."""
    x0, y0 = matrix[0, 1] * y + matrix[0, 2], matrix[1, 1] * y + matrix[1, 2]
    across, down = at[0], at[1]
    if matrix[2, 0] == _ZERO and matrix[2, 1] == _ZERO:
        for x in range(across.shape[0]):
            column = np.float32(x) - half_x
            across[x] = matrix[0, 0] * column + x0 + half_x
            down[x] = matrix[1, 0] * column + y0 + half_y
        return
    scale0 = matrix[2, 1] * y + matrix[2, 2]
    for x in range(across.shape[0]):
        column = np.float32(x) - half_x
        scale = matrix[2, 0] * column + scale0
        across[x] = (matrix[0, 0] * column + x0) / scale + half_x
        down[x] = (matrix[1, 0] * column + y0) / scale + half_y


@compiled()
def warp_nearest(
    source: np.ndarray, target: np.ndarray, matrix: np.ndarray, fill: np.ndarray, channels: int
) -> None:
    """Nearest pixel of a (3, 3) float32 map; ``fill`` is (C,) uint8."""
    height, length = source.shape
    width = length // channels
    half_x, half_y = np.float32((width - 1) / 2), np.float32((height - 1) / 2)
    end_x, end_y = np.float32(width), np.float32(height)
    at = np.empty((2, width), np.float32)
    across, down = at[0], at[1]
    index = np.empty(width, np.int32)
    first = source.reshape(-1)
    second, third = first[1:], first[2:]
    for y in range(height):
        _locate_row(matrix, np.float32(y) - half_y, half_x, half_y, at)
        # Indices first, in a loop that vectorises; -1 is outside, also for what is not a number.
        for x in range(width):
            sx, sy = np.rint(across[x]), np.rint(down[x])
            inside = (sx >= _ZERO) & (sx < end_x) & (sy >= _ZERO) & (sy < end_y)
            sx, sy = (sx if inside else _ZERO), (sy if inside else _ZERO)
            here = np.int32(sy) * np.int32(length) + np.int32(sx) * np.int32(channels)
            index[x] = here if inside else np.int32(-1)
        out = target[y]
        if channels == 1:
            for x in range(width):
                out[x] = first[np.uint32(index[x])] if index[x] >= 0 else fill[0]
            continue
        for x in range(width):
            if index[x] >= 0:
                here32 = np.uint32(index[x])
                out[3 * x] = first[here32]
                out[3 * x + 1] = second[here32]
                out[3 * x + 2] = third[here32]
            else:
                out[3 * x] = fill[0]
                out[3 * x + 1] = fill[1]
                out[3 * x + 2] = fill[2]


@compiled()
def _bordered(source: np.ndarray, fill: np.ndarray, channels: int) -> np.ndarray:
    """(H + 3, W + 3, 4) float32 with a border of the fill colour, four numbers for each pixel."""
    height, width = source.shape[0], source.shape[1] // channels
    out = np.empty((height + 3, width + 3, 4), np.float32)
    colour = np.zeros(4, np.float32)
    for c in range(channels):
        colour[c] = fill[c]
    for y in (0, height + 1, height + 2):
        for x in range(width + 3):
            for c in range(4):
                out[y, x, c] = colour[c]
    for y in range(height):
        row, line = source[y], out[y + 1]
        for x in (0, width + 1, width + 2):
            for c in range(4):
                line[x, c] = colour[c]
        if channels == 3:
            for x in range(width):
                line[x + 1, 0] = row[3 * x]
                line[x + 1, 1] = row[3 * x + 1]
                line[x + 1, 2] = row[3 * x + 2]
                line[x + 1, 3] = _ZERO
        else:
            for x in range(width):
                line[x + 1, 0] = row[x]
                line[x + 1, 1], line[x + 1, 2], line[x + 1, 3] = _ZERO, _ZERO, _ZERO
    return out


@compiled()
def warp_bilinear(
    source: np.ndarray, target: np.ndarray, matrix: np.ndarray, fill: np.ndarray, channels: int
) -> None:
    """Bilinear reading of a (3, 3) float32 map; outside counts as ``fill``, (C,) uint8."""
    height, width = source.shape[0], source.shape[1] // channels
    half_x, half_y = np.float32((width - 1) / 2), np.float32((height - 1) / 2)
    end_x, end_y = np.float32(width), np.float32(height)
    at = np.empty((2, width), np.float32)
    across, down = at[0], at[1]
    index = np.empty(width, np.int32)
    line = np.int32((width + 3) * 4)
    flat = _bordered(source, fill, channels).reshape(-1)
    # The four neighbours of an index, as four views of one array.
    right, lower, both = flat[4:], flat[line:], flat[line + 4 :]
    blended = np.empty((width, 4), np.float32)
    for y in range(height):
        _locate_row(matrix, np.float32(y) - half_y, half_x, half_y, at)
        for x in range(width):
            sx, sy = across[x], down[x]
            inside = (sx > -_ONE) & (sx < end_x) & (sy > -_ONE) & (sy < end_y)
            # What lies outside reads the border's corner: four times the fill colour.
            sx, sy = (sx if inside else end_x), (sy if inside else end_y)
            left, top = np.floor(sx), np.floor(sy)
            across[x], down[x] = sx - left, sy - top
            index[x] = (np.int32(top) + np.int32(1)) * line + (np.int32(left) + np.int32(1)) * 4
        for x in range(width):
            wx, wy = across[x], down[x]
            w11, w01 = wx * wy, wx * (_ONE - wy)
            w10, w00 = (_ONE - wx) * wy, (_ONE - wx) * (_ONE - wy)
            start = index[x]
            for c in range(4):
                here = np.uint32(start + c)
                value = flat[here] * w00 + right[here] * w01 + lower[here] * w10 + both[here] * w11
                blended[x, c] = np.rint(value)
        out = target[y]
        if channels == 3:
            for x in range(width):
                out[3 * x] = np.uint8(np.int32(blended[x, 0]))
                out[3 * x + 1] = np.uint8(np.int32(blended[x, 1]))
                out[3 * x + 2] = np.uint8(np.int32(blended[x, 2]))
        else:
            for x in range(width):
                out[x] = np.uint8(np.int32(blended[x, 0]))


@compiled()
def run_geometry(
    source: np.ndarray,
    target: np.ndarray,
    spare: np.ndarray,
    start: int,
    stop: int,
    matrix: np.ndarray,
    moved: np.ndarray,
    bilinear: bool,
    fill: np.ndarray,
    channels: int,
) -> None:
    """Moves a range of images.

    Args:
        source: (B, H, W·C) uint8, left as it is.
        target: (B, H, W·C) uint8, may be ``source``.
        spare: (H, W·C) uint8 of the calling thread.
        start, stop: the range of samples.
        matrix: (B, 3, 3) float32.
        moved: (B,) int64: 0 a copy, 1 a warp, 2 mirrored rows, 3 mirrored columns.
        bilinear: read between pixels, or the nearest one.
        fill: (C,) uint8 for what lies outside.
        channels: 1 or 3.
    """
    for b in range(start, stop):
        if moved[b] == 0:
            copy_image(source[b], target[b])
            continue
        # A warp never reads what it has written.
        copy_image(source[b], spare)
        if moved[b] >= 2:
            flip(spare, target[b], moved[b] == 2, channels)
        elif bilinear:
            warp_bilinear(spare, target[b], matrix[b], fill, channels)
        else:
            warp_nearest(spare, target[b], matrix[b], fill, channels)
