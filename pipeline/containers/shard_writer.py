"""Writes WebDataset shards with the index that DALI reads; see shards.py."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from headrace.pipeline.containers.beton import MODE_JPEG
from headrace.pipeline.containers.checksums import SUM, sample_sum
from headrace.pipeline.containers.level_table import LEVEL, without_empty
from headrace.pipeline.containers.manifest import Manifest, json_bytes, manifest_bytes
from headrace.pipeline.containers.shard_tables import SAMPLE, tables_path, write_tables
from headrace.pipeline.containers.shards import INDEX_VERSION, level_extension
from headrace.pipeline.levels import MAX_LEVELS

_BLOCK = 512


class ShardWriter:
    """Streams samples into `<split>-000000.tar` and so on, or into one .tar.

    Args:
        folder: where the shards are written.
        single: name without `.tar` of the only shard, or None for shards per split.
        shard_bytes: a shard that has grown to this is closed.
    """

    def __init__(self, folder: Path, single: str | None, shard_bytes: int) -> None:
        self.num_samples = 0
        self._folder, self._single, self._limit = folder, single, shard_bytes
        self._file: BinaryIO | None = None
        self._split: str | None = None
        self._shards: list[Path] = []
        self._in_split = 0
        self._index: list[str] = []
        self._rows: list[tuple[int, int, int, int, int, int]] = []
        self._levels: list[list[tuple[int, int]]] = []
        self._sums: list[list[int]] = []
        self._next = ("", "")

    def begin(self, name: str, split: str) -> None:
        """Says what the next sample is called and which split it belongs to."""
        self._next = (name, split)

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
        """Appends a sample, with its half, quarter, ... sizes as JPEGs; None is left out."""
        assert mode == MODE_JPEG
        name, split = self._next
        file = self._shard(split)
        key = f"{self.num_samples:09d}"
        text = {"name": name, "split": split, "label": label, "width": width, "height": height}
        parts = {
            "jpg": data,
            "cls": str(label).encode(),
            "json": json_bytes(text),
            **{level_extension(level): body for level, body in enumerate(levels, 1) if body},
        }
        line = []
        places = {}
        for extension, body in parts.items():
            member = f"{key}.{extension}"
            info = tarfile.TarInfo(member)
            info.size = len(body)
            # Fixed times and owners: the same images give the same bytes.
            file.write(info.tobuf(tarfile.USTAR_FORMAT))
            offset = file.tell()
            file.write(body)
            file.write(bytes(-len(body) % _BLOCK))
            line.append(f"{extension} {offset} {len(body)} {member}")
            places[extension] = offset, len(body)
        self._index.append(" ".join(line))
        self._rows.append((len(self._shards) - 1, width, height, label, *places["jpg"]))
        self._levels.append(
            [places.get(level_extension(level), (0, 0)) for level in range(1, MAX_LEVELS + 1)]
        )
        bodies = (data, *levels, *[None] * (MAX_LEVELS - len(levels)))
        self._sums.append([sample_sum(body) if body else 0 for body in bodies])
        self.num_samples += 1

    def finish(self, manifest: Manifest, names: Sequence[str]) -> None:
        """Closes the last shard and writes our tables."""
        self._close()
        body = manifest_bytes(manifest, names)
        where = tables_path(self._folder / f"{self._single}.tar" if self._single else self._folder)
        levels = np.array(self._levels, LEVEL).reshape(len(self._rows), MAX_LEVELS)
        levels = without_empty(levels)
        sums = np.array(self._sums, SUM).reshape(len(self._rows), 1 + MAX_LEVELS)
        samples = np.array(self._rows, SAMPLE)
        kept_sums = sums[:, : 1 + levels.shape[1]]
        write_tables(where, self._shards, samples, body, levels, kept_sums)

    def abort(self) -> None:
        """Lets go of the open shard."""
        if self._file is not None:
            with suppress(OSError):  # the disk is full: that error is being reported already
                self._file.close()
            self._file = None

    def _shard(self, split: str) -> BinaryIO:
        if self._file is not None:
            full = self._single is None and self._file.tell() >= self._limit
            if not full and (self._single is not None or split == self._split):
                return self._file
            self._close()
        self._in_split = self._in_split + 1 if split == self._split else 0
        self._split = split
        stem = self._single if self._single is not None else f"{split}-{self._in_split:06d}"
        path = self._folder / f"{stem}.tar"
        self._shards.append(path)
        self._file = path.open("wb", buffering=1 << 20)
        return self._file

    def _close(self) -> None:
        if self._file is None:
            return
        with self._file as file:
            file.write(bytes(2 * _BLOCK))  # the end of a tar
            file.flush()
            os.fsync(file.fileno())
        self._file = None
        lines = [f"{INDEX_VERSION} {len(self._index)}", *self._index]
        index = self._shards[-1].with_suffix(".idx")
        with index.open("w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines) + "\n")
        self._index = []
