"""Packed images over and over in one file, so that an epoch lasts long enough to be timed."""

from __future__ import annotations

from pathlib import Path

from headrace.bench.loading.repeat_records import repeat_records
from headrace.pipeline.loaders.resident import full_size_bytes
from headrace.pipeline.records import Records

RESIDENT_BYTES = 4 << 30
"""That the images of the resident loader take at most."""


def resident_turns(path: Path, split: str, images: int) -> int:
    """How often a split's images may be in a file that the resident loader keeps, once at least.

    Args:
        images: that are taken of the split.
    """
    with Records.open(path) as records:
        chosen = records.select(split)
        square_bytes = full_size_bytes(records, chosen) // len(chosen)
    return max(1, RESIDENT_BYTES // square_bytes // images)


def long_epoch(path: Path, split: str, images: int, turns: int, scratch: Path) -> Path:
    """A file of a split's first images, `turns` times over, in one split `train`; made once."""
    out = scratch / f"{path.stem}-x{turns}.beton"
    if not out.exists():
        repeat_records(path, out, split=split, count=images * turns)
    return out
