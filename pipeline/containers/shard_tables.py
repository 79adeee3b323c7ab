"""The tables that our packer writes beside WebDataset shards, so that opening need not touch them.

An .npz of numpy's, a zip, whose own CRC-32 of each table is checked as it is read.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headrace.pipeline.containers.level_table import LEVEL
from headrace.pipeline.containers.manifest import Manifest, NameTable, manifest_of
from headrace.pipeline.containers.npz_arrays import UNREADABLE, read_arrays
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.wording import AGAIN

TABLES_NAME = "headrace.npz"
SAMPLE = np.dtype(
    [
        ("shard", "<u4"),
        ("width", "<u2"),
        ("height", "<u2"),
        ("label", "<i8"),
        ("ptr", "<u8"),
        ("size", "<u8"),
    ]
)


@dataclass(frozen=True, kw_only=True)
class ShardTables:
    """What is known of the samples of some shards.

    Attributes:
        shards: the .tar files.
        samples: (N,) SAMPLE.
        manifest: classes, splits and the rest.
        names: (N,) file names at packing time.
        levels: (N, L) LEVEL, offsets and sizes in the samples' shards; L is 0 where there are none.
        sums: (N, 1 + L) SUM, checksums of the samples and their levels; None where there are none.
    """

    shards: list[Path]
    samples: np.ndarray
    manifest: Manifest
    names: NameTable | list[str]
    levels: np.ndarray
    sums: np.ndarray | None


def tables_path(path: Path) -> Path:
    """Where our tables of a shard, or of a folder of shards, lie."""
    if path.suffix == ".tar":
        return path.with_name(f"{path.stem}.{TABLES_NAME}")
    return path / TABLES_NAME


def write_tables(
    path: Path,
    shards: list[Path],
    samples: np.ndarray,
    manifest_body: bytes,
    levels: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Writes our tables.

    Args:
        path: as from `tables_path`.
        shards: in the same folder as `path`.
        samples: (N,) SAMPLE.
        manifest_body: from pipeline/containers/manifest.py: manifest_bytes.
        levels: (N, L) LEVEL; without a column it is left out.
        sums: (N, 1 + L) SUM.
    """
    more: dict[str, Any] = {"levels": levels} if levels.size else {}
    with path.open("wb") as file:
        np.savez(
            file,
            shards=np.array([s.name for s in shards]),
            samples=samples,
            manifest=np.frombuffer(manifest_body, np.uint8),
            sums=sums,
            **more,
        )


def read_tables(path: Path) -> ShardTables:
    """Reads our tables.

    Raises:
        RecordsError: if they are damaged, or a shard is missing.
    """
    try:
        arrays = read_arrays(path, ("shards", "samples", "manifest", "levels", "sums"))
        names, samples, body = (arrays[name] for name in ("shards", "samples", "manifest"))
    except UNREADABLE as error:
        raise RecordsError(f"{path} is damaged ({error}); {AGAIN}") from error
    levels = arrays.get("levels", no_levels(samples.size))
    sound = samples.dtype == SAMPLE and samples.ndim == 1
    sound &= body.dtype == np.uint8 and body.ndim == 1
    sound &= _are_names(names)
    if not sound or levels.dtype != LEVEL or levels.ndim != 2 or len(levels) != len(samples):
        raise RecordsError(f"{path} is damaged: its tables have other columns; {AGAIN}")
    shards = [path.parent / Path(str(name)).name for name in names.tolist()]
    for shard in shards:
        if not shard.is_file():
            raise RecordsError(f"the shard {shard} is missing; copy it beside {path.name}")
    manifest, sample_names = manifest_of(body, len(samples), path)
    return ShardTables(
        shards=shards,
        samples=samples,
        manifest=manifest,
        names=sample_names,
        levels=levels,
        sums=arrays.get("sums"),
    )


def _are_names(names: np.ndarray) -> bool:
    """Whether these are texts, (n,) of at least one, whose every character exists."""
    if names.dtype.kind != "U" or names.ndim != 1 or not names.size:
        return False
    code_points = names.astype(names.dtype.newbyteorder("=")).view(np.uint32)
    return bool((code_points <= sys.maxunicode).all())


def no_levels(num_samples: int) -> np.ndarray:
    """The table of levels of samples that have none."""
    return np.zeros((num_samples, 0), LEVEL)
