"""Output buffers of the CPU path, used again once nothing refers to them.

A float batch of 128 px is 25 MB: fresh memory from the system for every batch costs more time than
filling it does.
"""

from __future__ import annotations

import weakref

import numpy as np
import torch

_KEPT = 3  # one in use, one the caller has not let go of yet, one spare


class OutputPool:
    """Lends float32 buffers as tensors and takes them back when the last reference is gone."""

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []

    def lend(self, shape: tuple[int, ...]) -> torch.Tensor:
        """A tensor of ``shape`` with any content; views and autograd keep it alive as usual."""
        buffer = None
        while self._free and buffer is None:
            candidate = self._free.pop()
            buffer = candidate if candidate.shape == shape else None
        if buffer is None:
            buffer = np.empty(shape, np.float32)
        # The tensor holds this view, and the view's end is the sign that the buffer is free.
        lent = buffer[:]
        weakref.finalize(lent, _take_back, self._free, buffer).atexit = False
        return torch.from_numpy(lent)


def _take_back(free: list[np.ndarray], buffer: np.ndarray) -> None:
    if len(free) < _KEPT:
        free.append(buffer)
