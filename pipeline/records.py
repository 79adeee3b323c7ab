"""Records: N samples opened read-only, whatever contains them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from headrace.pipeline.containers.checksums import DAMAGED
from headrace.pipeline.containers.joined import open_joined
from headrace.pipeline.containers.manifest import DEFAULT_SPLIT, Manifest
from headrace.pipeline.containers.opening import open_container
from headrace.pipeline.containers.storage import Container, Kind, MappedStorage, Storage
from headrace.pipeline.data_files import DataFile, DataPath, in_words, read_data
from headrace.pipeline.decoding import decode_stored
from headrace.pipeline.errors import BadSampleError, ClosedError, RecordsError
from headrace.pipeline.levels import level_side, level_words
from headrace.pipeline.selection import Known, select
from headrace.pipeline.split_names import split_called

Answer = TypeVar("Answer")


class Records:
    """N samples, their sizes, labels and manifest. Use `Records.open`.

    Attributes:
        path: what was opened; of several files the first.
        source: what was opened, as messages name it: of several files all.
        files: what was opened, each with its share of an epoch and how its images were made.
        file_of: (N,) int32, which of the files a sample is in.
        kind: `beton`, `shards` (WebDataset), `folder` (not packed) or `joined` (several files).
        manifest: classes, splits, encoding and the rest.
        heights, widths: (N,) int32, stored pixels.
        labels: (N,) int64, -1 where there is none.
        modes: (N,) uint8, see pipeline/containers/beton.py: JPEG, raw HWC RGB, or another format
            (folders only).
        levels: (N, L) bool, which smaller sizes of the samples are stored beside them, from the
            half size on; L is 0 where there are none. See pipeline/levels.py.
        storage: the samples' bytes.
    """

    path: Path
    source: str
    files: tuple[DataFile, ...]
    file_of: np.ndarray
    kind: Kind
    manifest: Manifest
    heights: np.ndarray
    widths: np.ndarray
    labels: np.ndarray
    modes: np.ndarray
    levels: np.ndarray
    storage: Storage

    def __init__(
        self,
        path: Path,
        container: Container,
        files: tuple[DataFile, ...] = (),
        file_of: np.ndarray | None = None,
    ) -> None:
        table = container.table
        self.path = path
        self.files = files or (DataFile(path=path, synthetic=container.manifest.synthetic),)
        self.source = in_words(self.files)
        if file_of is None:
            file_of = np.broadcast_to(np.int32(0), len(table.labels))
        self.file_of = file_of
        self.kind = container.kind
        self.manifest = container.manifest
        self.storage = container.storage
        self.modes, self.labels = table.modes, table.labels
        self.heights, self.widths = table.heights, table.widths
        self.levels = np.zeros((len(table.labels), 0), bool)
        if isinstance(container.storage, MappedStorage) and container.storage.levels is not None:
            self.levels = container.storage.levels.stored
        self._names = table.names
        self._closed = False
        for array in (file_of, self.modes, self.labels, self.heights, self.widths):
            array.setflags(write=False)

    @classmethod
    def open(cls, path: DataPath) -> Records:
        """Opens a .beton file, WebDataset shards with an index, or an image folder.

        The container is told by content, not by name. Several packed files are joined to one set,
        split by split, with the classes of the first; each but the first may end in `:SHARE`, how
        much of a training epoch its samples make up.

        Raises:
            RecordsError: if there is nothing there, it is damaged, or cannot be joined.
            ConfigError: for a share that cannot be.
        """
        files = read_data(path)
        if len(files) == 1:
            return cls(files[0].path, open_container(files[0].path))
        joined = open_joined(files)
        return cls(files[0].path, joined.container, joined.files, joined.file_of)

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
        called = split_called(name, splits)
        if called is None:
            raise RecordsError(f"{self.source} has no split {name!r}; it has {', '.join(splits)}")
        return range(*splits[called])

    def select(self, expression: str | None) -> np.ndarray:
        """(n,) int64, ascending: the records of a split, or of several; None takes every sample.

        Args:
            expression: such as `train`, `train+val`, `fold*-fold2`, `train[:10%]`,
                `train[pear,apple]`, `train-@bad.txt`; see pipeline/selection.py.

        Raises:
            RecordsError: if it names no split, or makes no sense.
        """
        if expression is None:
            return np.arange(len(self))
        try:
            return select(
                expression,
                Known(
                    splits=self.splits,
                    labels=self.labels,
                    classes=self.manifest.classes,
                    names=self._names,
                ),
            )
        except RecordsError as error:
            raise RecordsError(f"{self.source} has {error}") from None

    @property
    def splits(self) -> dict[str, tuple[int, int]]:
        """Split names and half-open ranges; a file without splits has the one split `train`."""
        return dict(self.manifest.splits) or {DEFAULT_SPLIT: (0, len(self))}

    def name(self, index: int) -> str:
        """The sample's file name at packing time, or its number where there is none."""
        return self._names[index] if len(self._names) else f"#{index}"

    def size(self, index: int, level: int = 0) -> tuple[int, int]:
        """Height and width of a sample in stored px, or of one of its levels."""
        height, width = int(self.heights[index]), int(self.widths[index])
        return level_side(height, level), level_side(width, level)

    def sizes(self, indices: np.ndarray, levels: np.ndarray | None = None) -> np.ndarray:
        """(n, 2) int64 height and width of samples, or of a level of each; 0 is the sample."""
        sides = np.stack([self.heights[indices], self.widths[indices]], axis=1).astype(np.int64)
        return sides if levels is None else level_side(sides, levels.astype(np.int64)[:, None])

    def view(self, index: int, level: int = 0) -> np.ndarray:
        """(bytes,) uint8, read-only: the sample's stored bytes, without a copy where mapped.

        Args:
            level: which of its sizes, of those that `levels` says there are; 0 is the sample.

        Raises:
            ClosedError: after `close`.
        """
        return self._asked(self.storage.view, index, level)

    @property
    def has_checksums(self) -> bool:
        """Whether damage in the samples' bytes can be told."""
        return isinstance(self.storage, MappedStorage) and self.storage.sums is not None

    def is_damaged(self, index: int, level: int = 0) -> bool:
        """Whether the bytes of a sample, or of one of its levels, are not those that were packed.

        Their checksum tells; False where there is none.

        Raises:
            ClosedError: after `close`.
        """
        return self._asked(self.storage.is_damaged, index, level)

    def _asked(self, what: Callable[[int, int], Answer], index: int, level: int) -> Answer:
        self.check_open()
        try:
            return what(index, level)
        except IndexError:
            self.check_open()  # closed by another thread just now
            raise

    def decode(self, index: int, level: int = 0) -> np.ndarray:
        """The whole image by the reference decoder.

        Args:
            level: as of `view`.

        Returns:
            (H, W, 3) uint8 RGB of the size that the tables announce.

        Raises:
            BadSampleError: if it cannot be decoded, has another size, or is damaged.
            ClosedError: after `close`.
        """
        data = self._bytes(index, level)
        if self.is_damaged(index, level):
            raise BadSampleError(index, self.name(index), level_words(level) + DAMAGED)
        try:
            return decode_stored(
                data, int(self.modes[index]), self.size(index, level), self.upright
            )
        except ValueError as error:
            raise BadSampleError(index, self.name(index), level_words(level) + str(error)) from None

    @property
    def upright(self) -> bool:
        """Whether a JPEG's own metadata say which way up it is; packed ones are turned already."""
        return self.kind == "folder"

    def _bytes(self, index: int, level: int) -> np.ndarray:
        try:
            return self.view(index, level)
        except OSError as error:  # a folder's file has gone
            raise BadSampleError(index, self.name(index), str(error)) from None

    def check_open(self) -> None:
        """Refuses to go on after `close`.

        Raises:
            ClosedError: naming the file.
        """
        if self._closed:
            raise ClosedError(
                f"the records of {self.source} are closed; keep them open while they are loaded "
                "from"
            )

    def check_files(self) -> None:
        """Refuses to go on after `close`, and with a file that was cut short since it was opened.

        Raises:
            ClosedError, RecordsError: naming the file.
        """
        self.check_open()
        if isinstance(self.storage, MappedStorage):
            self.storage.check_lengths()

    def close(self) -> None:
        """Lets go of the file; views handed out before stay valid.

        Loaders that read from it end with a ClosedError at their next batch.
        """
        self._closed = True
        self.storage.close()

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, tuple[list[str]]]:
        # A worker process maps the files itself instead of receiving a copy of them.
        return Records.open, (list(map(str, self.files)),)
