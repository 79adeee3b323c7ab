"""Checksums of what a container holds: one of each sample's bytes, and one of its tables.

Source: XXH3-64 of the library xxhash (https://xxhash.com), which takes an eighth of the time that
zlib's CRC-32 takes. Of a sample the lower 32 bits are kept: they are to find damage, not forgery.

In a .beton they follow the table of levels: u8 of the tables, then for each sample u4 of its bytes
and of those of each of its levels (0 where there is none). The tables, one behind another: header,
fields and samples, manifest, allocations, levels, and the u4 checksums. Where it begins stands
in the label field's argument bytes, behind the manifest's pointer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import xxhash

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.wording import AGAIN

SUM = np.dtype("<u4")
TABLES_SUM = np.dtype("<u8")
DAMAGED = "its bytes are not those that were packed: their checksum differs"
"""What is said of a sample."""


def sample_sum(data: bytes | memoryview) -> int:
    """Checksum of a sample's bytes, below 2**32."""
    return xxhash.xxh3_64_intdigest(data) & 0xFFFFFFFF


def tables_sum(parts: Iterable[bytes | memoryview]) -> int:
    """Checksum of several tables one behind another, below 2**64."""
    digest = xxhash.xxh3_64()
    for part in parts:
        digest.update(part)
    return digest.intdigest()


def sums_bytes(tables: Iterable[bytes], sums: np.ndarray) -> bytes:
    """What is stored: the checksum of the tables, and (N, 1 + L) SUM of the samples."""
    of_samples = sums.tobytes()
    of_tables = np.array([tables_sum((*tables, of_samples))], TABLES_SUM)
    return of_tables.tobytes() + of_samples


def read_sums(
    data: np.ndarray,
    place: int,
    shape: tuple[int, int],
    spans: Sequence[tuple[int, int]],
    path: Path,
) -> np.ndarray:
    """Reads what `sums_bytes` made, and compares the tables with it.

    Args:
        data: (file bytes,) uint8.
        place: where it begins, as the file says.
        shape: samples, and 1 + levels.
        spans: start and stop of each table in `data`.
        path: named in errors.

    Returns:
        (N, 1 + L) SUM.

    Raises:
        RecordsError: if it cannot be there, or a table is not what was written.
    """
    begin = place + TABLES_SUM.itemsize
    stop = begin + shape[0] * shape[1] * SUM.itemsize
    if stop > data.size:
        raise RecordsError(f"{path} is damaged: its checksums lie outside the file; {AGAIN}")
    parts = (data[low:high] for low, high in (*spans, (begin, stop)))
    if tables_sum(part.data for part in parts) != int(data[place:begin].view(TABLES_SUM)[0]):
        raise RecordsError(
            f"{path} is damaged: its tables are not those that were written, as their checksum "
            f"differs; {AGAIN}"
        )
    return data[begin:stop].view(SUM).reshape(shape).copy()
