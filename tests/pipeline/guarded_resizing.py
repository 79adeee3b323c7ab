"""Resizes boxes whose sources and results end, or begin, at a page that may not be touched.

    python -m tests.pipeline.guarded_resizing SEED COUNT

A read or a write one byte outside ends the process with SIGSEGV.
"""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np

from headrace.pipeline.resampling.boxes import resize_boxes, resize_stored
from headrace.pipeline.resampling.fallback import resize_boxes_by_torch

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int


class Guarded:
    """Memory between two protected pages.

    Args:
        num_bytes: how much.
        at_end: whether it ends where the second page begins; else it begins where the first ends.

    Attributes:
        array: (num_bytes,) uint8.
    """

    def __init__(self, num_bytes: int, at_end: bool) -> None:
        inside = -(-num_bytes // PAGE) * PAGE
        self._map = mmap.mmap(-1, inside + 2 * PAGE)
        whole = np.frombuffer(self._map, np.uint8)
        for place in (0, PAGE + inside):
            if _libc.mprotect(whole.ctypes.data + place, PAGE, 0):
                raise OSError(ctypes.get_errno(), "mprotect")
        start = PAGE + inside - num_bytes if at_end else PAGE
        self.array = whole[start : start + num_bytes]


def resize_once(rng: np.random.Generator) -> None:
    """A box of an image, at one of its corners or anywhere, to any size, mirrored or not."""
    height, width = rng.integers(1, rng.choice([4, 40, 400]), 2, endpoint=True).tolist()
    out_h, out_w = rng.integers(1, rng.choice([4, 40, 300]), 2, endpoint=True).tolist()
    tall, wide = (int(rng.choice([side, rng.integers(1, side + 1)])) for side in (height, width))
    y = int(rng.choice([0, height - tall]))
    x = int(rng.choice([0, width - wide]))
    at_end = bool(rng.random() < 0.5)
    source = Guarded(3 * height * width, at_end).array
    out = Guarded(3 * out_h * out_w, at_end).array.reshape(1, out_h, out_w, 3)
    source[:] = rng.integers(0, 256, source.size)
    flip = bool(rng.random() < 0.5)
    resize_stored(
        source,
        np.array([0]),
        np.array([width]),
        np.array([[y, x, tall, wide]]),
        np.array([flip]),
        out,
    )
    # As the loaders call it on a decoded box: nothing around it is theirs to read.
    box = Guarded(3 * tall * wide, at_end).array.reshape(tall, wide, 3)
    box[:] = source.reshape(height, width, 3)[y : y + tall, x : x + wide]
    again = Guarded(out.size, at_end).array.reshape(out_h, out_w, 3)
    row = (box.ctypes.data, box.strides[0], tall, wide, flip, out_h, out_w)
    table = np.array([(*row, again.ctypes.data, again.strides[0])], np.int64)
    resize_boxes(table)
    assert (again == out[0]).all()
    resize_boxes_by_torch(table)
    assert np.abs(again.astype(int) - out[0]).max() <= 1


def main() -> None:
    seed, count = map(int, sys.argv[1:])
    rng = np.random.default_rng(seed)
    for number in range(count):
        resize_once(rng)
        print(number + 1, end="\r")
    print(f"{count} resized")


if __name__ == "__main__":
    if sys.argv[1] == "touch":  # shows that the pages are what they are for
        memory = Guarded(10, at_end=True).array
        ctypes.string_at(memory.ctypes.data, 10 + int(sys.argv[2]))
    else:
        main()
