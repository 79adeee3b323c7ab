"""Records: N samples opened read-only, whatever contains them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol

import numpy as np

from headrace.pipeline import beton
from headrace.pipeline.command_line import called
from headrace.pipeline.errors import BadSampleError, ClosedError, RecordsError
from headrace.pipeline.jpeg_header import jpeg_orientation, jpeg_size, turn_upright
from headrace.pipeline.manifest import DEFAULT_SPLIT, Manifest, read_manifest
from headrace.pipeline.mapped import forget_pages, map_file
from headrace.pipeline.pixels import check_size, decode_any_rgb, decode_jpeg_rgb

Kind = Literal["beton", "shards", "folder"]


class Storage(Protocol):
    """Where the samples' bytes are."""

    def view(self, index: int) -> np.ndarray:
        """(bytes,) uint8, read-only."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class SampleTable:
    """What is known of each sample without touching its bytes; see `Records`."""

    modes: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    labels: np.ndarray
    names: Sequence[str]


class Records:
    """N samples, their sizes, labels and manifest. Use `Records.open`.

    Attributes:
        path: what was opened.
        kind: `beton`, `shards` (WebDataset) or `folder` (not packed).
        manifest: classes, splits, encoding and the rest.
        heights, widths: (N,) int32, stored pixels.
        labels: (N,) int64, -1 where there is none.
        modes: (N,) uint8, see pipeline.beton: JPEG, raw HWC RGB, or another format (folders only).
        storage: the samples' bytes.
    """

    def __init__(
        self, *, path: Path, kind: Kind, manifest: Manifest, table: SampleTable, storage: Storage
    ) -> None:
        self.path = path
        self.kind: Kind = kind
        self.manifest = manifest
        self.storage = storage
        self.modes, self.labels = table.modes, table.labels
        self.heights, self.widths = table.heights, table.widths
        self._names = table.names
        self._closed = False
        for array in (self.modes, self.labels, self.heights, self.widths):
            array.setflags(write=False)

    @classmethod
    def open(cls, path: str | Path) -> Records:
        """Opens a .beton file, WebDataset shards with our index, or an image folder.

        The container is told by content, not by name.

        Raises:
            RecordsError: if there is nothing there, or it is damaged.
        """
        path = Path(path)
        if path.is_dir():
            from headrace.pipeline.shards import is_shard_folder, open_shards

            if is_shard_folder(path):
                return open_shards(path)
            from headrace.pipeline.folder import open_folder

            return open_folder(path)
        if not path.exists():
            make = f"{called('pack')} FOLDER {path}"
            raise RecordsError(f"{path} does not exist; make it with {make}")
        with path.open("rb") as file:
            head = file.read(512)
        if beton.is_beton(head):
            return _open_beton(path)
        if head[257:262] == b"ustar":
            from headrace.pipeline.shards import open_shards

            return open_shards(path)
        raise RecordsError(
            f"{path} is neither a .beton file nor a WebDataset .tar; make one with "
            f"{called('pack')} FOLDER OUT.beton"
        )

    def __len__(self) -> int:
        return len(self.labels)

    def split(self, name: str | None) -> range:
        """Record indices of a split; None takes every sample.

        Raises:
            RecordsError: if there is no such split.
        """
        if name is None:
            return range(len(self))
        splits = self.splits
        if name not in splits:
            raise RecordsError(f"{self.path} has no split {name!r}; it has {', '.join(splits)}")
        return range(*splits[name])

    @property
    def splits(self) -> dict[str, tuple[int, int]]:
        """Split names and half-open ranges; a file without splits has the one split `train`."""
        return dict(self.manifest.splits) or {DEFAULT_SPLIT: (0, len(self))}

    def name(self, index: int) -> str:
        """The sample's file name at packing time, or its number where there is none."""
        return self._names[index] if len(self._names) else f"#{index}"

    def view(self, index: int) -> np.ndarray:
        """(bytes,) uint8, read-only: the sample's stored bytes, without a copy where mapped.

        Raises:
            ClosedError: after `close`.
        """
        self.check_open()
        try:
            return self.storage.view(index)
        except IndexError:
            self.check_open()  # closed by another thread just now
            raise

    def decode(self, index: int) -> np.ndarray:
        """The whole image by the reference decoder.

        Its size is compared before anything is decoded: a few bytes may announce gigabytes.

        Returns:
            (H, W, 3) uint8 RGB of the size that the tables announce.

        Raises:
            BadSampleError: if it cannot be decoded, or has another size.
            ClosedError: after `close`.
        """
        data = self._bytes(index)
        size = int(self.heights[index]), int(self.widths[index])
        mode = self.modes[index]
        try:
            if mode == beton.MODE_RAW:
                return data.reshape(*size, 3)
            if mode == beton.MODE_OTHER:
                return decode_any_rgb(data, size)
            # A record has its orientation baked in, whatever its metadata still say.
            upright = self.kind == "folder"
            check_size(jpeg_size(data, upright), size)
            image = decode_jpeg_rgb(data)
            return turn_upright(image, jpeg_orientation(data)) if upright else image
        except ValueError as error:
            raise BadSampleError(index, self.name(index), str(error)) from None

    def _bytes(self, index: int) -> np.ndarray:
        try:
            return self.view(index)
        except OSError as error:  # a folder's file has gone
            raise BadSampleError(index, self.name(index), str(error)) from None

    def check_open(self) -> None:
        """Refuses to go on after `close`.

        Raises:
            ClosedError: naming the file.
        """
        if self._closed:
            raise ClosedError(
                f"the records of {self.path} are closed; keep them open while they are loaded from"
            )

    def close(self) -> None:
        """Lets go of the file; views handed out before stay valid.

        Loaders that read from it end with a ClosedError at their next batch.
        """
        self._closed = True
        self.storage.close()

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        # A worker process maps the file itself instead of receiving a copy of it.
        return Records.open, (self.path,)


class MappedStorage:
    """Samples as views into memory-mapped files.

    Args:
        maps: (bytes,) uint8, one per file; empty after `close`. Whoever reads by address holds
            the array, too: the file is unmapped when the last view of it has gone.
        files: (N,) which map holds the sample, or None where there is only one.
        ptrs, sizes: (N,) int64, offset and length in bytes within that map.
    """

    def __init__(
        self,
        maps: Sequence[np.ndarray],
        ptrs: np.ndarray,
        sizes: np.ndarray,
        files: np.ndarray | None = None,
    ) -> None:
        self.maps = list(maps)
        self.ptrs, self.sizes, self.files = ptrs, sizes, files

    def view(self, index: int) -> np.ndarray:
        data = self.maps[0 if self.files is None else int(self.files[index])]
        start = int(self.ptrs[index])
        return data[start : start + int(self.sizes[index])]

    def close(self) -> None:
        self.maps = []


def _open_beton(path: Path) -> Records:
    data = map_file(path)
    tables = beton.read_tables(data, path)
    beton.check_tables(tables, data.size, path)
    forget_pages(data)  # a million samples' tables are 60 MB, and have been copied
    manifest = Manifest()
    names: Sequence[str] = ()
    if tables.manifest is not None:
        offset, length = tables.manifest
        manifest, names = read_manifest(data[offset : offset + length])
        if len(names) != len(tables.labels) or any(
            stop > len(names) for _, stop in manifest.splits.values()
        ):
            raise RecordsError(f"{path} is damaged: its manifest describes other samples")
    table = SampleTable(
        modes=tables.modes,
        heights=tables.heights,
        widths=tables.widths,
        labels=tables.labels,
        names=names,
    )
    storage = MappedStorage([data], tables.ptrs, tables.sizes)
    return Records(path=path, kind="beton", manifest=manifest, table=table, storage=storage)
