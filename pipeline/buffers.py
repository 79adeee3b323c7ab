"""Batch buffers that are used again as soon as, and only when, nobody can reach them any more."""

from __future__ import annotations

import math
import threading
import weakref
from collections import deque
from typing import Any

import numpy as np
import torch


class _Loan:
    """The owner, in numpy's eyes, of a lent buffer's memory.

    numpy lets a view of a view point at the array that owns the memory, past everything in
    between, so an array that was lent can be gone while slices of it are still being written. It
    stops at an owner that is no array: every view of what was lent, however made, holds this.
    """

    def __init__(self, buffer: np.ndarray) -> None:
        self.__array_interface__: dict[str, Any] = buffer.__array_interface__


class BufferPool:
    """Lends (rows, H, W, 3) uint8 buffers; a fresh one costs thousands of page faults.

    Smaller images lie in the first part of a buffer, so one pool serves every size.

    A lent buffer comes back when the last array or tensor that shares its memory has gone. So a
    batch that is still held is never overwritten, and nobody who still writes into a part of it
    can reach another batch. Whoever passes on a bare address has to hold an array beside it.

    Args:
        rows: images in the largest batch.
        shape: H and W of the largest images, px.
        pinned: allocate page-locked memory, for asynchronous copies to a GPU.
    """

    def __init__(self, rows: int, shape: tuple[int, int], *, pinned: bool) -> None:
        self._num_bytes, self._shape = rows * math.prod(shape) * 3, shape
        self._pinned = pinned
        self._free: deque[np.ndarray] = deque()
        self._lock = threading.Lock()

    def lend(self, rows: int, shape: tuple[int, int] | None = None) -> np.ndarray:
        """A (rows, H, W, 3) uint8 array; it and all views of it, torch's too, keep it lent.

        Args:
            rows: images in the batch.
            shape: H and W, px, of no more pixels than the largest; None: those of the largest.
        """
        shape = shape or self._shape
        with self._lock:
            buffer = self._free.pop() if self._free else self._new()
        part = buffer[: rows * math.prod(shape) * 3]
        loan = _Loan(part.reshape(rows, *shape, 3))
        weakref.finalize(loan, self._free.append, buffer).atexit = False
        return np.asarray(loan)

    def _new(self) -> np.ndarray:
        if self._pinned:
            kind = {"dtype": torch.uint8, "device": "cpu", "pin_memory": True}
            return torch.empty(self._num_bytes, **kind).numpy()
        return np.empty(self._num_bytes, np.uint8)
