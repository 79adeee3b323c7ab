"""Antialiased bilinear crop-and-resize on the CPU, in machine code, without the GIL.

Weights are those of PIL's and torch's antialiased `bilinear` (a triangle as wide as the scale
when shrinking, plain bilinear when enlarging). The pass that leaves fewer rows goes first, in
float32; nothing is rounded in between, so results differ from torch's, which rounds twice, by at
most one level. The code is in kernel.py; where it cannot be had, torch does the work.
"""

from __future__ import annotations

import numpy as np

from headrace.pipeline.resampling.fallback import resize_boxes_by_torch
from headrace.pipeline.resampling.machine_code import MachineCode

TABLE_COLUMNS = 9
_resize_boxes = MachineCode("headrace.pipeline.resampling.kernel", "resize_boxes", 2)


def resize_boxes(table: np.ndarray) -> None:
    """Resizes boxes of RGB images.

    Args:
        table: (n, 9) int64, C-contiguous, a row for each box (see `box_row`): the address of its
            top left pixel (uint8 HWC; exactly the box is read), bytes from one row of its image to
            the next, its height and width in px (at least 1), 1 to mirror it left to right, and of
            the uint8 HWC result, written: height, width, address, bytes from one row to the next.

    Raises:
        MemoryError: if there is none for the scratch space.
    """
    if not _resize_boxes.is_ready():
        resize_boxes_by_torch(table)
    elif _resize_boxes(len(table), table.ctypes.data) != 0:
        raise MemoryError("no memory to resize an image")


def box_row(image: np.ndarray, flip: bool, out: np.ndarray) -> tuple[int, ...]:
    """The row of `resize_boxes` for an image, or a box cut out of one.

    Args:
        image: (h, w, 3) uint8; pixels of a row lie side by side.
        flip: mirror it left to right.
        out: (H, W, 3) uint8 to write to; pixels of a row lie side by side.
    """
    height, width, _ = image.shape
    out_height, out_width, _ = out.shape
    source = image.ctypes.data, image.strides[0], height, width, flip
    return *source, out_height, out_width, out.ctypes.data, out.strides[0]


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A whole image, (h, w, 3) uint8, at another size; itself if it has that size already."""
    if image.shape[:2] == (height, width):
        return image
    image = np.ascontiguousarray(image)
    out = np.empty((height, width, 3), np.uint8)
    resize_boxes(np.array([box_row(image, False, out)], np.int64))
    return out


def resize_stored(
    memory: np.ndarray,
    ptrs: np.ndarray,
    widths: np.ndarray,
    boxes: np.ndarray,
    flips: np.ndarray,
    out: np.ndarray,
    targets: np.ndarray | None = None,
) -> None:
    """Resizes boxes of images that lie in memory as raw pixels.

    Args:
        memory: (bytes,) uint8, that memory, held until this returns.
        ptrs: (n,) int, the offset of each image from its first byte: in it, or in other memory that
            the caller holds.
        widths: (n,) int, px of each whole image.
        boxes: (n, 4) int y, x, height, width.
        flips: (n,) bool.
        out: (n, H, W, 3) uint8, C-contiguous, written.
        targets: (n, 4) int y, x, height, width: where in `out` each box goes, what it leaves free
            becomes black. None: all of it.

    Raises:
        MemoryError: if there is none for the scratch space.
    """
    y, x, height, width = boxes.T.astype(np.int64)
    stride = 3 * widths.astype(np.int64)
    source = memory.ctypes.data + ptrs + y * stride + 3 * x
    out_stride = np.full(len(ptrs), out.strides[1], np.int64)
    address = out.ctypes.data + out.strides[0] * np.arange(len(ptrs))
    if targets is None:
        tall, wide = (np.full(len(ptrs), side, np.int64) for side in out.shape[1:3])
    else:
        out[:] = 0
        top, left, tall, wide = targets.T.astype(np.int64)
        address += top * out_stride + 3 * left
    rows = [source, stride, height, width, flips, tall, wide, address, out_stride]
    resize_boxes(np.stack(rows, axis=1, dtype=np.int64))
