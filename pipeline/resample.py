"""Antialiased bilinear crop-and-resize on the CPU, in machine code, without the GIL.

Weights are those of PIL's and torch's antialiased `bilinear` (a triangle as wide as the scale
when shrinking, plain bilinear when enlarging). The pass that leaves fewer rows goes first, in
float32; nothing is rounded in between, so results differ from torch's, which rounds twice, by at
most one level. The code is in `pipeline.resample_kernel`.
"""

from __future__ import annotations

import numpy as np

from pipeline.machine_code import MachineCode

_KERNEL = "pipeline.resample_kernel"
_SOURCES = ("resample_kernel.py", "simd.py", "jit.py")
_resize_box = MachineCode(_KERNEL, "resize_box", 8, _SOURCES)
_resize_raw_run = MachineCode(_KERNEL, "resize_raw_run", 8, _SOURCES)


def resize_box(
    source: int, stride: int, height: int, width: int, flip: bool, out: np.ndarray
) -> None:
    """Resizes a box of an RGB image.

    Args:
        source: address of the box's top left pixel, uint8 HWC; exactly the box is read.
        stride: bytes from one row of the image to the next.
        height, width: of the box, px, at least 1.
        flip: mirror left to right.
        out: (H, W, 3) uint8, C-contiguous, written.

    Raises:
        MemoryError: if there is none for the scratch space.
    """
    out_height, out_width, _ = out.shape
    at = out.ctypes.data
    _check(_resize_box(source, stride, height, width, flip, out_height, out_width, at))


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """A whole image, (h, w, 3) uint8, at another size; itself if it has that size already."""
    if image.shape[:2] == (height, width):
        return image
    image = np.ascontiguousarray(image)
    rows, columns, _ = image.shape
    out = np.empty((height, width, 3), np.uint8)
    resize_box(image.ctypes.data, image.strides[0], rows, columns, False, out)
    return out


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

    Raises:
        MemoryError: if there is none for the scratch space.
    """
    ptrs, widths = np.ascontiguousarray(ptrs, np.int64), np.ascontiguousarray(widths, np.int32)
    boxes, flips = np.ascontiguousarray(boxes, np.int32), np.ascontiguousarray(flips, np.bool_)
    arrays = (array.ctypes.data for array in (ptrs, widths, boxes, flips))
    _check(_resize_raw_run(base, len(ptrs), *arrays, out.shape[1], out.ctypes.data))


def _check(status: int) -> None:
    if status != 0:
        raise MemoryError("no memory to resize an image")
