"""WebDataset shards: their format, and reading it.

A shard is a .tar in which a sample is a run of files `KEY.jpg`, `KEY.cls` (the class number as
text) and `KEY.json` (name, split, size). Beside it lies its index NAME.idx of version 1.2, as
`wds2idx` writes it for DALI's webdataset reader::

    v1.2 NUM_SAMPLES
    jpg OFFSET SIZE KEY.jpg cls OFFSET SIZE KEY.cls json OFFSET SIZE KEY.json

Smaller sizes of a sample, if it has any, are further files `KEY.1.jpg` (half), `KEY.2.jpg`
(quarter) and so on, which whoever asks for `jpg` does not get.

Our packer adds a file of tables (`headrace.npz` in a folder of shards, NAME.headrace.npz beside
a single one), so that opening need not touch the shards. Without it the index is enough; then the
images' sizes come from their headers and the splits from the shards' names (`train-000000.tar`).
"""

from __future__ import annotations

import re
from pathlib import Path
from tarfile import BLOCKSIZE

import numpy as np

from headrace.pipeline.archives import archive_at
from headrace.pipeline.containers.beton import MODE_JPEG
from headrace.pipeline.containers.checksums import SUM
from headrace.pipeline.containers.level_table import LevelTable, check_levels
from headrace.pipeline.containers.manifest import (
    DEFAULT_SPLIT,
    Manifest,
    Skipped,
)
from headrace.pipeline.containers.shard_tables import (
    SAMPLE,
    TABLES_NAME,
    ShardTables,
    no_levels,
    read_tables,
    tables_path,
)
from headrace.pipeline.containers.storage import Container, MappedStorage, SampleTable
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.jpeg_header import jpeg_size, most_pixels
from headrace.pipeline.layouts.listing import split_of
from headrace.pipeline.mapped import map_file
from headrace.pipeline.wording import AGAIN

INDEX_VERSION = "v1.2"
_SHARD_NAME = re.compile(r"(.*?)[-_]?[0-9]*\.tar")
_JPEG_NAMES = ("jpg", "jpeg")
_END = 1 << 63  # no file reaches so far


def is_shard_folder(path: Path) -> bool:
    """Whether a folder holds shards rather than images."""
    return (path / TABLES_NAME).is_file() or any(path.glob("*.tar"))


def is_tar(head: bytes) -> bool:
    """Tells from a file's first 512 bytes whether it is a .tar."""
    return head[257:262] == b"ustar"


def open_shards(path: Path) -> Container:
    """Opens one .tar or a folder of them.

    Raises:
        RecordsError: damaged, or neither our tables nor an index are there.
    """
    tables = read_shard_tables(path)
    maps = [map_file(shard) for shard in tables.shards]
    samples = tables.samples
    num_bytes = np.array([len(m) for m in maps], np.uint64)
    _check(path, samples, num_bytes)
    table = SampleTable(
        modes=np.full(len(samples), MODE_JPEG, np.uint8),
        heights=samples["height"].astype(np.int32),
        widths=samples["width"].astype(np.int32),
        labels=samples["label"].astype(np.int64),
        names=tables.names,
    )
    storage = MappedStorage(
        maps,
        samples["ptr"].astype(np.int64),
        samples["size"].astype(np.int64),
        samples["shard"].astype(np.int64),
        paths=tables.shards,
        levels=_levels(path, tables, num_bytes),
        sums=_sums(path, tables),
    )
    return Container(kind="shards", manifest=tables.manifest, table=table, storage=storage)


def read_shard_tables(path: Path) -> ShardTables:
    """Our tables if they are there, else what the index files say.

    Raises:
        RecordsError: see `open_shards`.
    """
    ours = tables_path(path)
    if ours.is_file():
        return read_tables(ours)
    shards = [path] if path.suffix == ".tar" else sorted(path.glob("*.tar"))
    if not shards:
        raise RecordsError(f"{path} holds no .tar shards")
    return _read_indices(shards)


def level_extension(level: int) -> str:
    """The extension of a level's files, from 1."""
    return f"{level}.jpg"


def _levels(path: Path, tables: ShardTables, num_bytes: np.ndarray) -> LevelTable | None:
    """Where the levels are, checked; `num_bytes` are those of each shard."""
    if not tables.levels.shape[1]:
        return None
    is_jpeg = np.ones(len(tables.samples), bool)
    ends = num_bytes[tables.samples["shard"]]
    return check_levels(tables.levels, is_jpeg, BLOCKSIZE, ends, path)  # a header comes first


def _sums(path: Path, tables: ShardTables) -> np.ndarray | None:
    """The checksums, checked to be those of the samples and their levels."""
    sums, shape = tables.sums, (len(tables.samples), 1 + tables.levels.shape[1])
    if sums is not None and (sums.dtype != SUM or sums.shape != shape):
        raise RecordsError(f"{path} is damaged: its checksums are of other samples; {AGAIN}")
    return sums


def _check(path: Path, samples: np.ndarray, sizes: np.ndarray) -> None:
    """Every sample must lie inside its shard."""
    bad = samples["shard"] >= len(sizes)
    room = sizes[np.where(bad, 0, samples["shard"])]
    bad |= (samples["size"] == 0) | (samples["size"] > room)
    bad |= samples["ptr"] > room - np.minimum(samples["size"], room)
    bad |= (samples["width"] == 0) | (samples["height"] == 0)
    pixels = samples["width"].astype(np.int64) * samples["height"]
    bad |= pixels > most_pixels(samples["size"].astype(np.int64))
    if bad.any():
        first = int(bad.argmax())
        raise RecordsError(
            f"{path} is damaged at sample {first}: {samples[first]} does not fit its shard; {AGAIN}"
        )


def _read_indices(shards: list[Path]) -> ShardTables:
    rows: list[tuple[int, int, int, int, int, int]] = []
    names: list[str] = []
    splits: dict[str, tuple[int, int]] = {}
    skipped: list[Skipped] = []
    for number, shard in sorted(enumerate(shards), key=lambda one: _split_rank(one[1])):
        data = map_file(shard)
        begin = len(rows)
        for parts in _index_lines(shard):
            image = next((parts[e] for e in _JPEG_NAMES if e in parts), None)
            if image is None:
                skipped.append(Skipped(name=f"{shard.name}: {parts}", reason="it has no .jpg"))
                continue
            offset, size, name = image
            shape = jpeg_size(data[offset : offset + size])
            if shape is None:
                skipped.append(Skipped(name=name, reason="not a JPEG"))
                continue
            height, width = shape
            label = _label(data, parts.get("cls"), name)
            rows.append((number, width, height, label, offset, size))
            names.append(name)
        split = _split_of(shard)
        splits[split] = (splits.get(split, (begin, begin))[0], len(rows))
    samples = np.array(rows, SAMPLE)
    # No class names, as an index has none: see pipeline.class_names.
    manifest = Manifest(splits=splits, skipped=tuple(skipped))
    return ShardTables(
        shards=shards,
        samples=samples,
        manifest=manifest,
        names=names,
        levels=no_levels(len(samples)),
        sums=None,
    )


def _index_lines(shard: Path) -> list[dict[str, tuple[int, int, str]]]:
    """Per sample, extension to (offset, size in bytes, name)."""
    index = shard.with_suffix(".idx")
    make = f"wds2idx {shard} {index}"
    if not index.is_file():
        archive = archive_at(shard)
        unpack = f"; if it is a folder's archive, unpack it: `{archive.command}`" if archive else ""
        raise RecordsError(f"{shard} has no index; make it with: {make}{unpack}")
    # Names are whatever a file system had, and not always UTF-8.
    lines = index.read_text("utf-8", "surrogateescape").splitlines()
    head = lines[0].split() if lines else []
    if len(head) != 2 or head[0] != INDEX_VERSION or head[1] != str(len(lines) - 1):
        raise RecordsError(
            f"{index} is not an index of version {INDEX_VERSION}; make it with: {make}"
        )
    result = []
    for line in lines[1:]:
        try:
            result.append(_parts(line.split()))
        except (ValueError, IndexError):
            raise RecordsError(
                f"{index} is damaged at the line {line[:80]!r}; make it again with: {make}"
            ) from None
    return result


def _parts(words: list[str]) -> dict[str, tuple[int, int, str]]:
    """Of one line.

    Raises:
        ValueError, IndexError: if it is none of an index.
    """
    parts = {
        words[i]: (int(words[i + 1]), int(words[i + 2]), words[i + 3])
        for i in range(0, len(words), 4)
    }
    if not all(0 <= number < _END for part in parts.values() for number in part[:2]):
        raise ValueError
    return parts


def _label(data: np.ndarray, part: tuple[int, int, str] | None, name: str) -> int:
    """What a sample's .cls says, -1 where that is no number.

    Raises:
        RecordsError: naming the sample, if it is one that no label can be.
    """
    if part is None:
        return -1
    text = data[part[0] : part[0] + min(part[1], 32)].tobytes().strip()
    label = int(text) if text.removeprefix(b"-").isdigit() else -1
    if not -(2**63) <= label < 2**63:
        raise RecordsError(
            f"the sample {name} has label {label}, which no label can be; mend its .cls"
        )
    return label


def _split_of(shard: Path) -> str:
    match = _SHARD_NAME.fullmatch(shard.name)
    prefix = match[1] if match else ""
    return split_of(prefix) or DEFAULT_SPLIT


def _split_rank(shard: Path) -> int:
    return ("train", "val", "test").index(_split_of(shard))
