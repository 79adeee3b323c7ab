"""Memory of the CPU path for one batch shape, and the unit of work that its threads take."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

# Work on one range of samples: (thread number, start, stop).
Job = Callable[[int, int, int], None]


class Buffers:
    """Images between steps: rows of interleaved channels, as the kernels read them.

    Attributes:
        channels: 1 or 3.
        images: (B, H, W·C) uint8, what the last step left.
        spare: (threads, H, W·C) uint8, one image for each thread.
    """

    def __init__(self, shape: tuple[int, ...], threads: int) -> None:
        batch, self.channels, height, width = shape
        self.images = np.empty((batch, height, width * self.channels), np.uint8)
        self.spare = np.empty((threads, height, width * self.channels), np.uint8)
        self._chains: tuple[np.ndarray, np.ndarray] | None = None

    def chains(self) -> tuple[np.ndarray, np.ndarray]:
        """Uint8 images and float32 sums of the shape of ``images``, made when first asked for."""
        if self._chains is None:
            self._chains = np.empty_like(self.images), np.empty(self.images.shape, np.float32)
        return self._chains


def rows(images: torch.Tensor) -> np.ndarray:
    """(B, C, H, W) uint8 to (B, H, W·C), without a copy where it is channels_last."""
    batch, channels, height, width = images.shape
    return images.permute(0, 2, 3, 1).reshape(batch, height, width * channels).numpy()


def colour(fill: tuple[int, ...], channels: int) -> np.ndarray:
    """A fill colour as (C,) uint8."""
    return np.asarray(fill * channels if len(fill) == 1 else fill[:channels], np.uint8)


def in_sequence(jobs: list[Job]) -> Job:
    """Several jobs as one."""

    def job(thread: int, start: int, stop: int) -> None:
        for part in jobs:
            part(thread, start, stop)

    return jobs[0] if len(jobs) == 1 else job
