"""What an opened container consists of: plain tables, and the samples' bytes behind a view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from headrace.pipeline.containers.checksums import sample_sum
from headrace.pipeline.containers.level_table import LevelTable
from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.mapped import Identity, changed, identity, identity_now, map_file

Kind = Literal["beton", "shards", "folder", "joined"]


class Storage(Protocol):
    """Where the samples' bytes are."""

    def view(self, index: int, level: int = 0) -> np.ndarray:
        """(bytes,) uint8, read-only, of a sample or of one of its levels."""
        ...

    def is_damaged(self, index: int, level: int = 0) -> bool:
        """Whether those bytes are not those that were stored, as far as a checksum tells."""
        ...

    def part(self, indices: np.ndarray, levels: np.ndarray | None = None) -> Storage:
        """Some samples, (n,) int64, or a level of each, (n,) int, numbered anew from 0; it is
        pickled as where they are, so that another process reads them itself."""
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
        kind: `beton`, `shards` (WebDataset), `folder` (not packed) or `joined` (several files).
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
        levels: where the samples' levels are, in the same files; None where there are none.
        sums: (N, 1 + L) uint32 checksums of the samples and their levels, or int64, of which -1
            is that of a sample which has none; None where no sample has any.
    """

    def __init__(
        self,
        maps: Sequence[np.ndarray],
        ptrs: np.ndarray,
        sizes: np.ndarray,
        files: np.ndarray | None = None,
        *,
        paths: Sequence[Path],
        levels: LevelTable | None = None,
        sums: np.ndarray | None = None,
    ) -> None:
        self.maps = list(maps)
        self._known = [(path, identity(data, path)) for path, data in zip(paths, maps, strict=True)]
        # Another process need not have this one's working directory.
        self._places = [(path.absolute(), known) for path, known in self._known]
        self.ptrs, self.sizes, self.files = ptrs, sizes, files
        self.levels = levels
        self.sums = sums

    def view(self, index: int, level: int = 0) -> np.ndarray:
        data = self.maps[0 if self.files is None else int(self.files[index])]
        if level == 0:
            start, size = self.ptrs[index], self.sizes[index]
        else:
            assert self.levels is not None
            start, size = self.levels.ptrs[index, level - 1], self.levels.sizes[index, level - 1]
        return data[int(start) : int(start) + int(size)]

    def is_damaged(self, index: int, level: int = 0) -> bool:
        """See `Storage.is_damaged`."""
        if self.sums is None:
            return False
        expected = int(self.sums[index, level])
        return expected >= 0 and sample_sum(self.view(index, level).data) != expected

    def part(self, indices: np.ndarray, levels: np.ndarray | None = None) -> MappedStorage:
        """See `Storage.part`."""
        other = object.__new__(MappedStorage)
        other.maps, other._known, other.levels = self.maps, self._known, None
        other.ptrs, other.sizes = self.ptrs[indices], self.sizes[indices]
        other.sums = None
        if self.sums is not None:
            other.sums = self.sums[indices, 0 if levels is None else levels][:, None]
        if levels is not None and self.levels is not None:
            smaller = np.flatnonzero(levels)
            places = indices[smaller], levels[smaller].astype(np.int64) - 1
            other.ptrs[smaller] = self.levels.ptrs[places]
            other.sizes[smaller] = self.levels.sizes[places]
        if self.files is None:
            other.files, other._places = None, self._places
        else:  # only the files that these are in
            used, other.files = np.unique(self.files[indices], return_inverse=True)
            other.maps = [self.maps[file] for file in used] if self.maps else []
            other._places = [self._places[file] for file in used]
        return other

    def __getstate__(self) -> dict[str, Any]:
        tables = self.ptrs, self.sizes, self.files, self.sums
        return {"places": self._places, "tables": tables}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._places = self._known = state["places"]
        self.maps = [_mapped_again(path, known) for path, known in self._places]
        self.ptrs, self.sizes, self.files, self.sums = state["tables"]
        self.levels = None  # parts travel, and have none

    @property
    def paths(self) -> list[Path]:
        """The files, in the order of `maps`."""
        return [path for path, _ in self._known]

    def changed_file(self) -> Path | None:
        """The first file that is not as it was when it was mapped, or has gone."""
        return next((path for path, known in self._known if identity_now(path) != known), None)

    def check_lengths(self) -> None:
        """Refuses a file that is shorter now, before what is missing of it is touched. One that was
        removed or replaced is still there for who has mapped it.

        Raises:
            RecordsError: naming it.
        """
        for path, known in self._known:
            now = identity_now(path)
            if now is not None and now.inode == known.inode and now.num_bytes < known.num_bytes:
                raise changed(path)

    def close(self) -> None:
        self.maps = []


class FileStorage:
    """Samples as files, read when asked for.

    Args:
        root: folder the names are relative to.
        names: (N,) file names.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        # This process may change its working directory, and another have its own.
        self.root = root.absolute()
        self.names = names

    def view(self, index: int, level: int = 0) -> np.ndarray:
        assert level == 0
        return np.fromfile(self.root / self.names[index], np.uint8)

    def is_damaged(self, index: int, level: int = 0) -> bool:
        """No checksum says so."""
        return False

    def part(self, indices: np.ndarray, levels: np.ndarray | None = None) -> FileStorage:
        """See `Storage.part`."""
        return FileStorage(self.root, [self.names[index] for index in indices.tolist()])

    def close(self) -> None:
        pass


@cache
def _mapped_again(path: Path, known: Identity) -> np.ndarray:
    """A file that another process has mapped; kept for as long as this process lives.

    Raises:
        RecordsError: if it is no longer the same, or as it was.
        OSError: if it has gone.
    """
    data = map_file(path)
    if identity(data, path) != known:
        raise changed(path)
    return data
