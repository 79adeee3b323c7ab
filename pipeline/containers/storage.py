"""What an opened container consists of: plain tables, and the samples' bytes behind a view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from headrace.pipeline.containers.manifest import Manifest

Kind = Literal["beton", "shards", "folder"]


class Storage(Protocol):
    """Where the samples' bytes are."""

    def view(self, index: int) -> np.ndarray:
        """(bytes,) uint8, read-only."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class SampleTable:
    """What is known of each sample without touching its bytes.

    Attributes:
        modes: (N,) uint8, see pipeline/containers/beton.py: JPEG, raw HWC RGB, or another format.
        heights, widths: (N,) int32, stored pixels.
        labels: (N,) int64, -1 where there is none.
        names: (N,) file names at packing time, or empty.
    """

    modes: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    labels: np.ndarray
    names: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Container:
    """What a container's opener returns.

    Attributes:
        kind: `beton`, `shards` (WebDataset) or `folder` (not packed).
        manifest: classes, splits, encoding and the rest.
        table: what is known of each sample.
        storage: the samples' bytes.
    """

    kind: Kind
    manifest: Manifest
    table: SampleTable
    storage: Storage


class MappedStorage:
    """Samples as views into memory-mapped files.

    Args:
        maps: (bytes,) uint8, one per file; empty after `close`. Whoever reads by address holds
            the array, too: the file is unmapped when the last view of it has gone.
        files: (N,) which map holds the sample, or None where there is only one.
        ptrs, sizes: (N,) int64, offset and length in bytes within that map.
        paths: the files, in the order of `maps`.
    """

    def __init__(
        self,
        maps: Sequence[np.ndarray],
        ptrs: np.ndarray,
        sizes: np.ndarray,
        files: np.ndarray | None = None,
        *,
        paths: Sequence[Path],
    ) -> None:
        self.maps = list(maps)
        self._lengths = [(path, len(data)) for path, data in zip(paths, maps, strict=True)]
        self.ptrs, self.sizes, self.files = ptrs, sizes, files

    def view(self, index: int) -> np.ndarray:
        data = self.maps[0 if self.files is None else int(self.files[index])]
        start = int(self.ptrs[index])
        return data[start : start + int(self.sizes[index])]

    def cut_short(self) -> Path | None:
        """The first file that is shorter now than when it was mapped, or has gone."""
        for path, num_bytes in self._lengths:
            if not path.exists() or path.stat().st_size < num_bytes:
                return path
        return None

    def close(self) -> None:
        self.maps = []


class FileStorage:
    """Samples as files, read when asked for.

    Args:
        root: folder the names are relative to.
        names: (N,) file names.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = root
        self.names = names

    def view(self, index: int) -> np.ndarray:
        return np.fromfile(self.root / self.names[index], np.uint8)

    def close(self) -> None:
        pass
