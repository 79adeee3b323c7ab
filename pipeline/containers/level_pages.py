"""The pages of a .beton that hold levels: one page, one level, so that a level is read as it lies.

Whoever reads quarter sizes only, reads a small part of the file, each page from end to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from headrace.pipeline.containers.checksums import SUM, sample_sum
from headrace.pipeline.containers.level_table import LEVEL, without_empty
from headrace.pipeline.levels import MAX_LEVELS


class _Page:
    """Levels that wait to be written side by side."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.data: list[bytes] = []
        self.indices: list[int] = []
        self.num_bytes = 0

    def add(self, index: int, data: bytes) -> None:
        self.indices.append(index)
        self.data.append(data)
        self.num_bytes += len(data)


class LevelPages:
    """Collects levels until they fill a page.

    Args:
        capacity: number of samples that will come at most.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._columns: list[np.ndarray] = []
        self._sums: list[np.ndarray] = []
        self._pages: list[_Page] = []
        self._full: list[_Page] = []

    def add(self, index: int, levels: Sequence[bytes | None], page_size: int) -> None:
        """Takes the levels of a sample, from the half size on; pages are of so many bytes."""
        assert len(levels) <= MAX_LEVELS
        for number, data in enumerate(levels):
            if number == len(self._columns):
                self._columns.append(np.zeros(self._capacity, LEVEL))
                self._sums.append(np.zeros(self._capacity, SUM))
                self._pages.append(_Page(number))
            if not data:
                continue
            if self._pages[number].num_bytes + len(data) > page_size:
                self._full.append(self._pages[number])
                self._pages[number] = _Page(number)
            self._pages[number].add(index, data)
            self._sums[number][index] = sample_sum(data)

    def full(self) -> list[_Page]:
        """Pages to be written now, where the next data page would begin."""
        full, self._full = self._full, []
        return full

    def rest(self) -> list[_Page]:
        """Whatever has not been written."""
        return [*self.full(), *self._pages]

    def write(self, file: BinaryIO, place: int, page: _Page) -> int:
        """Writes a page at an offset; returns where it ends."""
        file.seek(place)
        file.write(b"".join(page.data))
        sizes = np.array([len(data) for data in page.data], np.uint64)
        ends = place + np.cumsum(sizes)
        column = self._columns[page.level]
        column["ptr"][page.indices] = ends - sizes
        column["size"][page.indices] = sizes
        return place + page.num_bytes

    def tables(self, num_samples: int) -> tuple[np.ndarray, np.ndarray]:
        """(num_samples, L) LEVEL and SUM; without columns where no sample has levels."""
        if not self._columns:
            return np.zeros((num_samples, 0), LEVEL), np.zeros((num_samples, 0), SUM)
        entries, sums = (
            np.stack([column[:num_samples] for column in columns], axis=1)
            for columns in (self._columns, self._sums)
        )
        entries = without_empty(entries)
        return entries, sums[:, : entries.shape[1]]
