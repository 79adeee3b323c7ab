"""A .beton with more or fewer samples over the same image bytes.

Benchmarks need an epoch that lasts long enough to be timed, and record counts up to those of
ImageNet, without the disk space: the new file holds the old file's data pages once, and tables
whose entries point into them as often as asked. Samples keep their levels and checksums.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from headrace.pipeline.atomic import replacing
from headrace.pipeline.command_line import called
from headrace.pipeline.containers import beton
from headrace.pipeline.containers.beton_writer import next_multiple, write_tables
from headrace.pipeline.containers.level_table import LEVEL, LevelTable
from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records

_COPY_BYTES = 1 << 24


def repeat_records(source: Path, out: Path, *, split: str | None, count: int) -> Path:
    """Writes a .beton of `count` samples: the first of one split, over and over if need be.

    Args:
        source: a .beton.
        out: the new file; it gets the one split `train`.
        split: of `source`; None takes every sample.
        count: samples of the new file.

    Returns:
        out.

    Raises:
        ConfigError: if `source` is not a .beton or the split has no samples.
        RecordsError: if it cannot be opened.
    """
    with Records.open(source) as records:
        if records.kind != "beton":
            raise ConfigError(f"{source} is not a .beton; pack it with {called('pack')}")
        span = records.split(split)
        if not span:
            raise ConfigError(f"split {split!r} of {source} has no samples")
        order = np.resize(np.arange(span.start, span.stop), count)
        manifest = dataclasses.replace(
            records.manifest, splits={"train": (0, count)}, skipped=(), levels=None
        )
        names = [records.name(i) for i in span]
        assert isinstance(records.storage, MappedStorage)
        with replacing(out) as file:
            _write(
                file,
                source,
                order,
                manifest,
                (names * -(-count // len(names)))[:count],
                _entries(records.storage.levels, order),
                None if records.storage.sums is None else records.storage.sums[order],
            )
    return out


def _entries(levels: LevelTable | None, order: np.ndarray) -> np.ndarray:
    """(count, L) LEVEL: where the levels are in the old file."""
    if levels is None:
        return np.zeros((len(order), 0), LEVEL)
    entries = np.zeros((len(order), levels.ptrs.shape[1]), LEVEL)
    entries["ptr"], entries["size"] = levels.ptrs[order], levels.sizes[order]
    return entries


def _write(
    file: IO[bytes],
    source: Path,
    order: np.ndarray,
    manifest: Manifest,
    names: Sequence[str],
    levels: np.ndarray,
    sums: np.ndarray | None,
) -> None:
    data = np.memmap(source, np.uint8, "r")
    tables = beton.read_tables(data, source)
    page = tables.page_size
    ends = tables.ptrs[order] + tables.sizes[order]
    level_ends = levels["ptr"].astype(np.int64) + levels["size"]
    first = int(tables.ptrs[order].min())
    first = min(first, int(levels["ptr"][levels["size"] > 0].min(initial=first)))
    first = first // page * page  # whole pages: no sample straddles two
    last = next_multiple(int(max(ends.max(), level_ends.max(initial=0))), page)
    start = next_multiple(beton.SAMPLES_OFFSET + len(order) * beton.SAMPLE.itemsize, page)
    ptrs = tables.ptrs[order] - first + start
    levels["ptr"] = np.where(levels["size"] > 0, levels["ptr"].astype(np.int64) - first + start, 0)

    samples = np.zeros(len(order), beton.SAMPLE)
    samples["mode"], samples["label"] = tables.modes[order], tables.labels[order]
    samples["width"], samples["height"] = tables.widths[order], tables.heights[order]
    samples["data_ptr"] = ptrs
    allocations = np.zeros(len(order), beton.ALLOCATION)
    allocations["sample_id"] = np.arange(len(order))
    allocations["ptr"], allocations["size"] = ptrs, tables.sizes[order]
    file.seek(start)
    for offset in range(first, min(last, data.size), _COPY_BYTES):
        file.write(data[offset : min(offset + _COPY_BYTES, last)].data)
    write_tables(
        file,
        start + last - first,
        samples=samples,
        allocations=allocations,
        levels=levels,
        sums=sums,
        page_size=page,
        manifest=manifest,
        names=names,
    )
