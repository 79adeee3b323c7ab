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

_resize_boxes = MachineCode("headrace.pipeline.resampling.kernel", "resize_boxes", 4)


def resize_boxes(table: np.ndarray, out_height: int, out_width: int) -> None:
    """Resizes boxes of RGB images, each to the same size.

    Args:
        table: (n, 6) int64, C-contiguous, a row for each box: the address of its top left pixel
            (uint8 HWC; exactly the box is read), bytes from one row of its image to the next, its
            height and width in px (at least 1), 1 to mirror it left to right, and the address
            where (out_height, out_width, 3) uint8 is written.
        out_height, out_width: px, at least 1.

    Raises:
        MemoryError: if there is none for the scratch space.
    """
    if not _resize_boxes.is_ready():
        resize_boxes_by_torch(table, out_height, out_width)
    elif _resize_boxes(len(table), table.ctypes.data, out_height, out_width) != 0:
        raise MemoryError("no memory to resize an image")


def box_row(image: np.ndarray, flip: bool, out: int) -> tuple[int, int, int, int, bool, int]:
    """The row of `resize_boxes` for an image, or a box cut out of one.

    Args:
        image: (h, w, 3) uint8; pixels of a row lie side by side.
        out: address to write to.
    """
    height, width, _ = image.shape
    return image.ctypes.data, image.strides[0], height, width, flip, out


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A whole image, (h, w, 3) uint8, at another size; itself if it has that size already."""
    if image.shape[:2] == (height, width):
        return image
    image = np.ascontiguousarray(image)
    out = np.empty((height, width, 3), np.uint8)
    table = np.array([box_row(image, False, out.ctypes.data)], np.int64)
    resize_boxes(table, height, width)
    return out


def resize_stored(
    memory: np.ndarray,
    ptrs: np.ndarray,
    widths: np.ndarray,
    boxes: np.ndarray,
    flips: np.ndarray,
    out: np.ndarray,
) -> None:
    """Resizes boxes of images that lie in memory as raw pixels.

    Args:
        memory: (bytes,) uint8, that memory, held until this returns.
        ptrs: (n,) int, the offset of each image in it.
        widths: (n,) int, px of each whole image.
        boxes: (n, 4) int y, x, height, width.
        flips: (n,) bool.
        out: (n, S, S, 3) uint8, C-contiguous, written.

    Raises:
        MemoryError: if there is none for the scratch space.
    """
    y, x, height, width = boxes.T.astype(np.int64)
    stride = 3 * widths.astype(np.int64)
    source = memory.ctypes.data + ptrs + y * stride + 3 * x
    targets = out.ctypes.data + out.strides[0] * np.arange(len(ptrs))
    table = np.stack([source, stride, height, width, flips, targets], axis=1, dtype=np.int64)
    resize_boxes(table, out.shape[1], out.shape[2])
