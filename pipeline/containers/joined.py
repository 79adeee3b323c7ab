"""Several packed files as one container: their tables joined split by split, over all their maps.

The first file says which classes there are; labels of the others are mapped by name. Of each split
the first file's samples come first, then the next one's; what is in no split stands at the end. So
every split is one range, as of a single file.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headrace.pipeline.command_line import called
from headrace.pipeline.containers.checksums import SUM
from headrace.pipeline.containers.level_table import LEVEL, LevelTable
from headrace.pipeline.containers.manifest import DEFAULT_SPLIT, Manifest
from headrace.pipeline.containers.opening import open_container
from headrace.pipeline.containers.shards import is_shard_folder
from headrace.pipeline.containers.storage import Container, MappedStorage, SampleTable
from headrace.pipeline.data_files import DataFile
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.split_names import split_called

Splits = dict[str, tuple[int, int]]


class Joined(NamedTuple):
    """Several files, opened as one.

    Attributes:
        container: of kind `joined`.
        files: what it is of, with what their manifests say of how they were made.
        file_of: (N,) int32, the file of each sample.
    """

    container: Container
    files: tuple[DataFile, ...]
    file_of: np.ndarray


def open_joined(files: Sequence[DataFile]) -> Joined:
    """Opens several packed files as one.

    Args:
        files: two or more; shares are not looked at.

    Raises:
        RecordsError: if one cannot be opened, is an image folder, comes twice, names no classes or
            one that the first does not have, or has splits that overlap.
    """
    opened = [_opened(file.path) for file in files]
    storages = [container.storage for container in opened]
    mapped = [storage for storage in storages if isinstance(storage, MappedStorage)]
    assert len(mapped) == len(storages)
    _check_apart(files, mapped)
    sizes = [len(container.table.labels) for container in opened]
    labels = [_mapped_labels(files[0], opened[0], *one) for one in zip(files, opened, strict=True)]
    order, splits = _order([_splits(*one) for one in zip(files, opened, strict=True)], sizes)
    tables = [container.table for container in opened]
    file_of = np.repeat(np.arange(len(files), dtype=np.int32), sizes)[order]
    begins = np.cumsum([0, *sizes])
    names = [table.names for table in tables]
    first = opened[0].manifest
    container = Container(
        kind="joined",
        manifest=Manifest(
            classes=first.classes,
            splits=splits,
            mean=first.mean,
            std=first.std,
            skipped=tuple(s for container in opened for s in container.manifest.skipped),
        ),
        table=SampleTable(
            modes=np.concatenate([table.modes for table in tables])[order],
            heights=np.concatenate([table.heights for table in tables])[order],
            widths=np.concatenate([table.widths for table in tables])[order],
            labels=np.concatenate(labels)[order],
            names=_JoinedNames(names, file_of, order - begins[file_of]),
        ),
        storage=_joined_storage(mapped, order),
    )
    told = [
        dataclasses.replace(file, synthetic=one.manifest.synthetic)
        for file, one in zip(files, opened, strict=True)
    ]
    return Joined(container, tuple(told), file_of)


def _opened(path: Path) -> Container:
    if path.is_dir() and not is_shard_folder(path):
        raise RecordsError(
            f"{path} is an image folder, which cannot stand beside other files; pack it with "
            f"{called('pack', path, 'OUT.beton')}"
        )
    return open_container(path)


def _check_apart(files: Sequence[DataFile], storages: Sequence[MappedStorage]) -> None:
    """Refuses a file that comes twice, by whatever name."""
    seen: set[tuple[int, int]] = set()
    for file, storage in zip(files, storages, strict=True):
        status = [path.stat() for path in storage.paths]
        own = {(one.st_dev, one.st_ino) for one in status}
        if own & seen:
            raise RecordsError(
                f"{file.path} comes twice among the files; name each once, and a share with "
                f"{file.path}:0.3"
            )
        seen |= own


def _mapped_labels(
    first: DataFile, of_first: Container, file: DataFile, container: Container
) -> np.ndarray:
    """(n,) int64: a file's labels as those of the first file's classes."""
    known, own = of_first.manifest.classes, container.manifest.classes
    labels = container.table.labels
    if not own:
        raise RecordsError(
            f"{file.path} names no classes, so its labels cannot be joined with others'; pack its "
            f"images with {called('pack')}, which takes class names"
        )
    if len(set(own)) < len(own):
        double = next(name for name in own if own.count(name) > 1)
        raise RecordsError(f"{file.path} has two classes {double!r}; pack it again with one")
    number_of = {name: number for number, name in enumerate(known)}
    unknown = [name for name in own if name not in number_of]
    if unknown:
        raise RecordsError(
            f"{file.path} has a class {unknown[0]!r}, which {first.path} does not have; name the "
            "file with all classes first, or pack this one without that class"
        )
    wrong = (labels < -1) | (labels >= len(own))
    if wrong.any():
        sample = int(wrong.argmax())
        raise RecordsError(
            f"{file.path}: sample {sample} has label {int(labels[sample])}, but there are "
            f"{len(own)} classes: expected 0 to {len(own) - 1}, or -1 for none; mend the label"
        )
    numbers = np.array([number_of[name] for name in own] + [-1], np.int64)
    mapped: np.ndarray = numbers[labels]  # -1 is the last
    return mapped


def _splits(file: DataFile, container: Container) -> Splits:
    """A file's splits, no two of which share a sample."""
    splits = dict(container.manifest.splits) or {DEFAULT_SPLIT: (0, len(container.table.labels))}
    spans = sorted((span, name) for name, span in splits.items() if span[0] < span[1])
    for (one, first), (other, second) in itertools.pairwise(spans):
        if other[0] < one[1]:
            raise RecordsError(
                f"{file.path}: the splits {first!r} and {second!r} share samples, so they cannot "
                "be joined with another file's; pack it again"
            )
    return splits


def _order(of_files: Sequence[Splits], sizes: Sequence[int]) -> tuple[np.ndarray, Splits]:
    """Which sample comes when: places in the files' concatenated tables, and the splits of it."""
    members: dict[str, list[np.ndarray]] = {}
    rest = []
    begin = 0
    for splits, size in zip(of_files, sizes, strict=True):
        free = np.ones(size, bool)
        known = list(members)
        same = [split_called(name, known) for name in splits]
        for (name, (start, stop)), other in zip(splits.items(), same, strict=True):
            # `valid` is the others' `val`, unless this file has a `val` besides.
            called_there = other if other is not None and same.count(other) == 1 else name
            members.setdefault(called_there, []).append(np.arange(begin + start, begin + stop))
            free[start:stop] = False
        rest.append(begin + np.flatnonzero(free))
        begin += size
    joined: Splits = {}
    start = 0
    for name, parts in members.items():
        stop = start + sum(map(len, parts))
        joined[name] = start, stop
        start = stop
    return np.concatenate([*itertools.chain(*members.values()), *rest]), joined


def _joined_storage(storages: Sequence[MappedStorage], order: np.ndarray) -> MappedStorage:
    """One storage over the maps of all."""
    maps = [data for storage in storages for data in storage.maps]
    begins = np.cumsum([0, *(len(storage.maps) for storage in storages)])
    files = [
        begin + (np.zeros(len(storage.ptrs), np.int64) if storage.files is None else storage.files)
        for storage, begin in zip(storages, begins, strict=False)
    ]
    return MappedStorage(
        maps,
        np.concatenate([storage.ptrs for storage in storages])[order],
        np.concatenate([storage.sizes for storage in storages])[order],
        np.concatenate(files)[order],
        paths=[path for storage in storages for path in storage.paths],
        levels=_joined_levels(storages, order),
        sums=_joined_sums(storages, order),
    )


def _num_levels(storage: MappedStorage) -> int:
    return 0 if storage.levels is None else storage.levels.ptrs.shape[1]


def _joined_levels(storages: Sequence[MappedStorage], order: np.ndarray) -> LevelTable | None:
    columns = max(map(_num_levels, storages))
    if not columns:
        return None
    entries = np.zeros((len(order), columns), LEVEL)
    begin = 0
    for storage in storages:
        stop = begin + len(storage.ptrs)
        if storage.levels is not None:
            own = entries[begin:stop, : _num_levels(storage)]
            own["ptr"], own["size"] = storage.levels.ptrs, storage.levels.sizes
        begin = stop
    return LevelTable(entries[order])


def _joined_sums(storages: Sequence[MappedStorage], order: np.ndarray) -> np.ndarray | None:
    """As MappedStorage takes them: with -1 for the samples of a file that has none."""
    if all(storage.sums is None for storage in storages):
        return None
    every = all(storage.sums is not None for storage in storages)
    sums = np.full((len(order), 1 + max(map(_num_levels, storages))), 0 if every else -1, np.int64)
    begin = 0
    for storage in storages:
        stop = begin + len(storage.ptrs)
        if storage.sums is not None:
            sums[begin:stop, : storage.sums.shape[1]] = storage.sums
        begin = stop
    return (sums.astype(SUM) if every else sums)[order]


class _JoinedNames(Sequence[str]):
    """The files' names of samples, each decoded only when asked for.

    Args:
        names: of each file.
        file_of: (N,) int, the file of each sample.
        places: (N,) int, its number there.
    """

    def __init__(
        self, names: Sequence[Sequence[str]], file_of: np.ndarray, places: np.ndarray
    ) -> None:
        self._names, self._file_of, self._places = names, file_of, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._names[self._file_of[index]][int(self._places[index])]
