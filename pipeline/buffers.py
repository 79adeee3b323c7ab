"""Batch buffers that are used again as soon as, and only when, nobody looks at them any more."""

from __future__ import annotations

import threading
import weakref
from collections import deque

import numpy as np
import torch


class BufferPool:
    """Lends (rows, S, S, 3) uint8 buffers; a fresh one costs thousands of page faults.

    A lent buffer comes back when the last tensor that shares its memory has gone, so a batch that
    is still held is never overwritten.

    Args:
        rows: images in the largest batch.
        size: S, px.
        pinned: allocate page-locked memory, for asynchronous copies to a GPU.
    """

    def __init__(self, rows: int, size: int, *, pinned: bool) -> None:
        self._shape = (rows, size, size, 3)
        self._pinned = pinned
        self._free: deque[np.ndarray] = deque()
        self._lock = threading.Lock()

    def lend(self, rows: int) -> np.ndarray:
        """A (rows, S, S, 3) uint8 array; `torch.from_numpy` of it keeps it lent."""
        with self._lock:
            buffer = self._free.pop() if self._free else self._new()
        lent = buffer[:rows]
        weakref.finalize(lent, self._free.append, buffer).atexit = False
        return lent

    def _new(self) -> np.ndarray:
        if self._pinned:
            return torch.empty(self._shape, dtype=torch.uint8, pin_memory=True).numpy()
        return np.empty(self._shape, np.uint8)
