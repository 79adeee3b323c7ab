"""Where the levels of samples are stored, and whether such a table can be true."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.levels import MAX_LEVELS
from headrace.pipeline.wording import AGAIN

LEVEL = np.dtype([("ptr", "<u8"), ("size", "<u4")])
"""Offset and length in bytes; both 0 where a sample lacks the level."""


class LevelTable:
    """The places of all levels.

    Attributes:
        ptrs, sizes: (N, L) int64 offset and length in bytes, from the half size on; size 0 where
            there is none.
        stored: (N, L) bool, which there are.
    """

    def __init__(self, entries: np.ndarray) -> None:
        """Takes (N, L) LEVEL, checked."""
        self.ptrs = entries["ptr"].astype(np.int64)
        self.sizes = entries["size"].astype(np.int64)
        self.stored = self.sizes > 0
        self.stored.setflags(write=False)


def without_empty(entries: np.ndarray) -> np.ndarray:
    """(N, L) LEVEL without the last columns in which no sample has anything."""
    used = np.flatnonzero((entries["size"] > 0).any(axis=0))
    return entries[:, : int(used.max(initial=-1)) + 1]


def check_levels(
    entries: np.ndarray, is_jpeg: np.ndarray, start: int, ends: np.ndarray | int, path: Path
) -> LevelTable:
    """Checks that every level lies where samples' data may, and belongs to a JPEG.

    Args:
        entries: (N, L) LEVEL, of a file that may be damaged, or made to do harm.
        is_jpeg: (N,) bool, which samples are JPEGs; others have no levels.
        start: bytes before it hold no data.
        ends: (N,) int64 bytes from there on hold none, or that of all.
        path: named in errors.

    Raises:
        RecordsError: naming the first that does not.
    """
    if not 1 <= entries.shape[1] <= MAX_LEVELS:
        raise RecordsError(
            f"{path} is damaged: it has {entries.shape[1]} levels, expected 1 to {MAX_LEVELS}; "
            f"{AGAIN}"
        )
    ptrs, sizes = entries["ptr"], entries["size"].astype(np.uint64)
    limits = np.broadcast_to(np.asarray(ends, np.uint64).reshape(-1, 1), entries.shape)
    bad = (ptrs < start) | (sizes > limits)
    bad |= ptrs > limits - np.minimum(sizes, limits)
    bad |= ~is_jpeg[:, None]
    bad &= sizes > 0
    bad |= (sizes == 0) & (ptrs > 0)
    if bad.any():
        index, level = (int(place) for place in np.argwhere(bad)[0])
        raise RecordsError(
            f"{path} is damaged at level {level + 1} of sample {index}: {sizes[index, level]} "
            f"bytes at {ptrs[index, level]} cannot be those of one; {AGAIN}"
        )
    return LevelTable(entries)
