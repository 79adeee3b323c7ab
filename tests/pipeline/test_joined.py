"""Several packed files are one set of records: its order, splits, labels, levels and checksums."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.pipeline.containers import joined
from headrace.pipeline.containers.beton_writer import BetonWriter
from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.containers.shard_writer import ShardWriter
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.errors import BadSampleError, RecordsError
from headrace.pipeline.records import Records
from tests.builders import StoredSample, samples, with_levels, write_beton

CLASSES = ("apple", "pear", "plum")


def _named(name: str, count: int, **options: object) -> list[StoredSample]:
    made = samples(count, **options)  # type: ignore[arg-type]
    return [dataclasses.replace(s, name=f"{name}{i}.jpg") for i, s in enumerate(made)]


def _plain(
    path: Path, count: int, splits: dict[str, tuple[int, int]], classes: tuple[str, ...] = CLASSES
) -> Path:
    made = _named(path.stem, count, seed=len(path.stem), low=20, high=40)
    made = [dataclasses.replace(s, label=i % len(classes)) for i, s in enumerate(made)]
    return write_beton(path, made, Manifest(classes=classes, splits=splits))


def _whole(path: Path, made: list[StoredSample], splits: dict[str, tuple[int, int]]) -> Path:
    """With levels and checksums."""
    with path.open("wb") as file:
        writer = BetonWriter(file, len(made), 1 << 21)
        for s in made:
            writer.add(
                s.data, mode=s.mode, width=s.width, height=s.height, label=s.label, levels=s.levels
            )
        writer.finish(Manifest(classes=CLASSES, splits=splits), [s.name for s in made])
    return path


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """A file with levels and checksums, one with neither, one with raw pixels and checksums."""
    first = [with_levels(s, 2) for s in _named("a", 8, seed=1, low=30, high=60)]
    raw = _named("c", 5, variant="raw", seed=3, low=20, high=40)
    return [
        _whole(tmp_path / "a.beton", first, {"train": (0, 5), "val": (5, 8)}),
        _plain(tmp_path / "bb.beton", 6, {"test": (0, 2), "train": (2, 6)}, ("plum", "apple")),
        _whole(tmp_path / "c.beton", raw, {"val": (0, 2), "train": (2, 4)}),
    ]


def test_splits_are_joined_and_the_first_files_samples_come_first(three: list[Path]) -> None:
    with Records.open(three) as records:
        assert records.kind == "joined" and records.path == three[0]
        assert records.source == " ".join(map(str, three))
        assert records.splits == {"train": (0, 11), "val": (11, 16), "test": (16, 18)}
        assert [records.name(i).removesuffix(".jpg") for i in range(len(records))] == [
            *["a0", "a1", "a2", "a3", "a4", "bb2", "bb3", "bb4", "bb5", "c2", "c3"],
            *["a5", "a6", "a7", "c0", "c1"],
            *["bb0", "bb1"],
            "c4",  # which is in no split
        ]
        assert records.file_of.tolist() == [0] * 5 + [1] * 4 + [2] * 2 + [0] * 3 + [2] * 2 + [
            *[1, 1, 2]
        ]
        assert [file.path for file in records.files] == three


def test_every_sample_is_what_it_is_in_its_own_file(three: list[Path]) -> None:
    with Records.open(three) as records:
        alone = [Records.open(path) for path in three]
        for index in range(len(records)):
            own = alone[records.file_of[index]]
            (place,) = [i for i in range(len(own)) if own.name(i) == records.name(index)]
            assert np.array_equal(records.view(index), own.view(place))
            assert np.array_equal(records.decode(index), own.decode(place))
            assert records.size(index) == own.size(place)
            assert records.modes[index] == own.modes[place]
            classes = own.manifest.classes
            assert CLASSES[records.labels[index]] == classes[own.labels[place]]
            stored = np.flatnonzero(records.levels[index]) + 1
            assert len(stored) == (2 if own is alone[0] else 0)
            for level in stored.tolist():
                assert np.array_equal(records.view(index, level), own.view(place, level))
                assert not records.is_damaged(index, level)
            assert not records.is_damaged(index)
        for own in alone:
            own.close()


def test_checksums_of_a_file_find_its_damage_and_no_other_file_has_any(three: list[Path]) -> None:
    with Records.open(three) as records:
        assert records.has_checksums
        storage = records.storage
        assert isinstance(storage, MappedStorage) and storage.sums is not None
        storage.sums[storage.sums >= 0] ^= 1  # as if all bytes were others
        for index, file in enumerate(records.file_of.tolist()):
            assert records.is_damaged(index) == (file != 1)
            part = storage.part(np.array([index]))
            assert part.is_damaged(0) == (file != 1)
        with pytest.raises(BadSampleError):
            records.decode(0)
    with Records.open([three[0], three[2]]) as records:
        storage = records.storage
        assert isinstance(storage, MappedStorage) and storage.sums is not None
        assert storage.sums.dtype == np.uint32
    plain = _plain(three[0].with_name("d.beton"), 3, {})
    with Records.open([three[1].with_name("d.beton"), three[1]]) as records:
        assert not records.has_checksums and plain.is_file()


def test_labels_are_mapped_by_name_and_none_stays_none(tmp_path: Path) -> None:
    made = [dataclasses.replace(s, label=n) for s, n in zip(samples(3), (-1, 0, 1), strict=True)]
    one = _plain(tmp_path / "one.beton", 3, {})
    other = write_beton(tmp_path / "two.beton", made, Manifest(classes=("plum", "apple")))
    with Records.open([one, other]) as records:
        assert records.manifest.classes == CLASSES
        assert records.splits == {"train": (0, 6)}
        assert records.labels.tolist() == [0, 1, 2, -1, 2, 0]


def test_a_split_by_another_name_is_the_same_split(tmp_path: Path) -> None:
    one = _plain(tmp_path / "one.beton", 4, {"training": (0, 2), "val": (2, 4)})
    two = _plain(tmp_path / "two.beton", 4, {"train": (0, 2), "valid": (2, 4)})
    both = _plain(tmp_path / "both.beton", 4, {"valid": (0, 2), "val": (2, 4)})
    with Records.open([one, two]) as records:
        assert records.splits == {"training": (0, 4), "val": (4, 8)}
        assert len(records.select("train")) == 4
    with Records.open([one, both]) as records:  # of two that it could be, the one of that name
        assert records.splits == {"training": (0, 2), "val": (2, 6), "valid": (6, 8)}


def test_shards_stand_beside_a_beton(tmp_path: Path, three: list[Path]) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    writer = ShardWriter(folder, None, 1 << 12)  # several of them
    made = [with_levels(s, 3) for s in _named("s", 6, low=30, high=60)]
    for s in made:
        writer.begin(s.name, "train")
        writer.add(
            s.data, mode=s.mode, width=s.width, height=s.height, label=s.label, levels=s.levels
        )
    writer.finish(Manifest(classes=CLASSES, splits={"train": (0, 6)}), [s.name for s in made])
    assert len(list(folder.glob("*.tar"))) > 1
    with Records.open([*three, folder]) as records, Records.open(folder) as alone:
        chosen = np.flatnonzero(records.file_of == 3)
        assert records.levels.shape == (len(records), 3)
        for place, index in enumerate(chosen.tolist()):
            assert records.name(index) == f"s{place}.jpg"
            for level in range(4):
                assert np.array_equal(records.view(index, level), alone.view(place, level))
                assert not records.is_damaged(index, level)
    with Records.open([folder, three[0]]) as records:
        assert records.splits["train"] == (0, 11)


def test_another_process_opens_the_same_files(three: list[Path]) -> None:
    given = [str(three[0]), f"{three[1]}:0.25", str(three[2])]
    with Records.open(given) as records:
        with pickle.loads(pickle.dumps(records)) as again:
            assert again.files == records.files and again.source == records.source
            assert np.array_equal(again.labels, records.labels)
            assert [file.share for file in again.files] == [None, 0.25, None]
        indices = np.array([0, 5, 9, 11, 17])
        part = records.storage.part(indices, np.array([1, 0, 0, 2, 0]))
        assert isinstance(part, MappedStorage) and len(part.maps) == 3
        copy = pickle.loads(pickle.dumps(part))
        for slot, (index, level) in enumerate(zip(indices.tolist(), (1, 0, 0, 2, 0), strict=True)):
            assert np.array_equal(copy.view(slot), records.view(index, level))
            assert not copy.is_damaged(slot)


def test_what_cannot_be_joined_is_refused_in_a_line(tmp_path: Path) -> None:
    one = _plain(tmp_path / "one.beton", 3, {})
    fig = _plain(tmp_path / "fig.beton", 3, {}, ("apple", "fig"))
    ffcv = write_beton(tmp_path / "ffcv.beton", samples(2))
    double = _plain(tmp_path / "double.beton", 2, {}, ("apple", "apple"))
    overlap = _plain(tmp_path / "overlap.beton", 4, {"train": (0, 3), "val": (2, 4)})
    label = [dataclasses.replace(s, label=7) for s in samples(2)]
    wrong = write_beton(tmp_path / "wrong.beton", label, Manifest(classes=CLASSES))
    folder = tmp_path / "folder" / "apple"
    folder.mkdir(parents=True)
    (folder / "0.jpg").write_bytes(samples(1)[0].data)
    link = tmp_path / "link.beton"
    link.symlink_to(one)
    refused: list[tuple[list[str | Path], str]] = [
        ([one, fig], f"{fig} has a class 'fig', which {one} does not have; name the file with all"),
        ([one, ffcv], f"{ffcv} names no classes, so its labels cannot be joined"),
        ([ffcv, one], f"{ffcv} names no classes, so its labels cannot be joined"),
        ([one, double], f"{double} has two classes 'apple'"),
        ([one, overlap], f"{overlap}: the splits 'train' and 'val' share samples"),
        ([one, wrong], f"{wrong}: sample 0 has label 7, but there are 3 classes"),
        ([one, folder.parent], f"{folder.parent} is an image folder, which cannot stand beside"),
        ([one, one], f"{one} comes twice among the files"),
        ([one, f"{link}:0.5"], f"{link} comes twice among the files"),
        ([one, tmp_path / "gone.beton"], "gone.beton does not exist"),
    ]
    for given_paths, message in refused:
        with pytest.raises(RecordsError) as error:
            Records.open(given_paths)
        assert message in str(error.value) and "\n" not in str(error.value)


def test_a_message_names_every_file(three: list[Path]) -> None:
    with Records.open([three[0], f"{three[1]}:0.5"]) as records:
        with pytest.raises(RecordsError, match=r"a\.beton .*bb\.beton:0\.5 has no split 'mine'"):
            records.split("mine")
        with pytest.raises(RecordsError, match=r"a\.beton .*bb\.beton:0\.5 has no split 'mine'"):
            records.select("mine")


_SIZES = st.lists(
    st.dictionaries(st.sampled_from(["train", "val", "fold1", "x"]), st.integers(0, 4)),
    min_size=2,
    max_size=4,
)


@given(sizes=_SIZES, loose=st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_the_order_takes_every_sample_once(sizes: list[dict[str, int]], loose: int) -> None:
    of_files, counts = [], []
    for one in sizes:
        stops = np.cumsum([0, *one.values()]).tolist()
        of_files.append(dict(zip(one, itertools.pairwise(stops), strict=True)))
        counts.append(stops[-1] + loose)
    order, splits = joined._order(of_files, counts)
    assert sorted(order.tolist()) == list(range(sum(counts)))
    begins = np.cumsum([0, *counts])
    stop = 0
    for name, span in splits.items():
        assert span[0] == stop  # side by side
        stop = span[1]
        wanted = [
            begins[number] + place
            for number, one in enumerate(of_files)
            for place in range(*one.get(name, (0, 0)))
        ]
        assert order[slice(*span)].tolist() == wanted
    assert len(order) - stop == loose * len(sizes)
