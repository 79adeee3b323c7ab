"""Writes a .beton file sample by sample; see beton.py for the layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import IO, BinaryIO

import numpy as np

from headrace.pipeline.containers import beton
from headrace.pipeline.containers.checksums import SUM, TABLES_SUM, sample_sum, sums_bytes
from headrace.pipeline.containers.level_pages import LevelPages
from headrace.pipeline.containers.manifest import LevelsPlace, Manifest, manifest_bytes
from headrace.pipeline.errors import BadImageError, ConfigError

MAX_PAGE_SIZE = 1 << 31  # the largest power of two in the header's four bytes
_ALIGNMENT = 8  # of tables, and of the offsets inside them
_MIB = 1 << 20


def check_page_size(page_size: int, flag: str = "") -> None:
    """Refuses a size that pages cannot have.

    Args:
        page_size: in bytes; in MiB where a flag has given it.
        flag: its name.

    Raises:
        ConfigError: naming it.
    """
    unit, of_them = (_MIB, "MiB") if flag else (1, "bytes")
    least, most = beton.MIN_PAGE_SIZE // unit, MAX_PAGE_SIZE // unit
    if not least <= page_size <= most or page_size.bit_count() != 1:
        raise ConfigError(
            f"{flag or 'page size'} {page_size}: expected a power of two from {least} to {most} "
            f"({of_them})"
        )


class BetonWriter:
    """Streams samples into an open file.

    The tables of the samples grow in memory (52 bytes each, 16 more for each level), their data
    does not, but for at most a page for each level.

    Args:
        file: opened for binary writing, empty, seekable.
        capacity: number of samples that will come at most; room for their metadata is kept.
        page_size: bytes, a power of two from 2 MiB; no sample may be larger.
        may_grow: whether the page size is doubled until it holds a sample that is larger. What is
            written stays right: a boundary of larger pages is one of smaller pages, too.

    Attributes:
        page_size: bytes, at last.
    """

    def __init__(
        self, file: BinaryIO, capacity: int, page_size: int, *, may_grow: bool = False
    ) -> None:
        check_page_size(page_size)
        self.page_size = page_size
        self.num_samples = 0
        self._may_grow = may_grow
        self._file = file
        self._samples = np.zeros(capacity, beton.SAMPLE)
        self._allocations = np.zeros(capacity, beton.ALLOCATION)
        self._sums = np.zeros(capacity, SUM)
        self._levels = LevelPages(capacity)
        self._place = self._up(beton.SAMPLES_OFFSET + self._samples.nbytes)

    def add(
        self,
        data: bytes | memoryview,
        *,
        mode: int,
        width: int,
        height: int,
        label: int,
        levels: Sequence[bytes | None] = (),
    ) -> None:
        """Appends a sample.

        Args:
            levels: its half, quarter, ... sizes as JPEGs; None where one is left out.

        Raises:
            BadImageError: the data does not fit in a page.
        """
        size = len(data)
        self._make_room(size)
        left = -self._place % self.page_size
        if left < size:  # a sample never straddles two pages, and the first begins one
            self._place += left
            for page in self._levels.full():
                self._place = self._up(self._levels.write(self._file, self._place, page))
            self._file.seek(self._place)
        self._file.write(data)
        index = self.num_samples
        self._samples[index] = (mode, width, height, self._place, label)
        self._allocations[index] = (index, self._place, size)
        self._sums[index] = sample_sum(data)
        self.num_samples += 1
        self._place += size
        self._levels.add(index, levels, self.page_size)

    def _make_room(self, size: int) -> None:
        """Sees to it that a sample of `size` bytes fits in a page.

        Raises:
            BadImageError: it does not.
        """
        needed = 1 << (size - 1).bit_length()
        if needed <= self.page_size:
            return
        if needed > MAX_PAGE_SIZE:
            raise BadImageError(
                f"its {size} bytes are more than the largest page holds ({MAX_PAGE_SIZE // _MIB} "
                "MiB); store it as a JPEG, or with a smaller --max-side"
            )
        if not self._may_grow:
            raise BadImageError(
                f"its {size} bytes do not fit in a page of {self.page_size // _MIB} MiB; pass "
                f"--page-size {needed // _MIB}, or leave --page-size out"
            )
        self.page_size = needed

    def finish(self, manifest: Manifest, names: Sequence[str]) -> None:
        """Writes the manifest and all tables; the file is then complete.

        Args:
            manifest: of the samples that were added.
            names: (num_samples,) their file names.
        """
        assert len(names) == self.num_samples
        place = self._up(self._place)
        for page in self._levels.rest():
            place = self._levels.write(self._file, place, page)
        levels, level_sums = self._levels.tables(self.num_samples)
        write_tables(
            self._file,
            place,
            samples=self._samples[: self.num_samples],
            allocations=self._allocations[: self.num_samples],
            levels=levels,
            sums=np.concatenate([self._sums[: self.num_samples, None], level_sums], axis=1),
            page_size=self.page_size,
            manifest=manifest,
            names=names,
        )

    def _up(self, place: int) -> int:
        """The next page boundary."""
        return next_multiple(place, self.page_size)


def write_tables(
    file: IO[bytes],
    place: int,
    *,
    samples: np.ndarray,
    allocations: np.ndarray,
    levels: np.ndarray,
    sums: np.ndarray | None,
    page_size: int,
    manifest: Manifest,
    names: Sequence[str],
) -> None:
    """Writes everything but the data of samples and levels; the file is then complete.

    Args:
        place: where those data end, bytes.
        samples: (N,) SAMPLE of beton.py.
        allocations: (N,) ALLOCATION of beton.py.
        levels: (N, L) LEVEL; L is 0 where there are none.
        sums: (N, 1 + L) SUM, or None for a file without checksums.
        page_size: bytes.
        manifest: of the samples; where their levels are is put in here.
        names: (N,) their file names.
    """
    there = LevelsPlace(offset=place, count=levels.shape[1]) if levels.size else None
    sums_ptr = next_multiple(place + levels.nbytes, _ALIGNMENT)
    manifest_ptr = sums_ptr
    if sums is not None:
        manifest_ptr = next_multiple(sums_ptr + TABLES_SUM.itemsize + sums.nbytes, _ALIGNMENT)
    body = manifest_bytes(replace(manifest, levels=there), names)
    table_ptr = next_multiple(manifest_ptr + len(body), page_size)
    header = np.array([(beton.VERSION, 2, page_size, len(samples), table_ptr)], beton.HEADER)
    pointers = (manifest_ptr, len(body)), None if sums is None else sums_ptr
    parts = [
        (0, header.tobytes() + beton.field_descriptors(*pointers) + samples.tobytes()),
        (manifest_ptr, body),
        (table_ptr, allocations.tobytes()),
        (place, levels.tobytes()),
    ]
    if sums is not None:
        parts.append((sums_ptr, sums_bytes([part for _, part in parts], sums)))
    for start, part in parts:
        file.seek(start)
        file.write(part)


def next_multiple(place: int, size: int) -> int:
    """The first multiple of `size` from `place` on."""
    return -(-place // size) * size
