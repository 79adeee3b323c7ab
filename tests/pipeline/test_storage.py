"""Samples as views of files: parts of them, checksums, and files that have changed."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.containers import storage as storage_module
from headrace.pipeline.containers.checksums import (
    SUM,
    read_sums,
    sample_sum,
    sums_bytes,
    tables_sum,
)
from headrace.pipeline.containers.level_table import LEVEL, LevelTable
from headrace.pipeline.containers.storage import FileStorage, MappedStorage
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.mapped import map_file


@pytest.fixture
def stored(tmp_path: Path) -> MappedStorage:
    """Three samples in two files, the first two with a level or two."""
    (tmp_path / "a").write_bytes(b"aaBBBcd")
    (tmp_path / "b").write_bytes(b"xyyZZZZ")
    levels = np.array([[(5, 1), (6, 1)], [(0, 1), (0, 0)], [(0, 0), (0, 0)]], LEVEL)
    bodies = [[b"BBB", b"c", b"d"], [b"ZZZZ", b"x", b""], [b"yy", b"", b""]]
    return MappedStorage(
        [map_file(tmp_path / name) for name in "ab"],
        np.array([2, 3, 1]),
        np.array([3, 4, 2]),
        np.array([0, 1, 1]),
        paths=[tmp_path / name for name in "ab"],
        levels=LevelTable(levels),
        sums=np.array([[sample_sum(body) if body else 0 for body in row] for row in bodies], SUM),
    )


def test_a_view_is_of_a_sample_or_a_level(stored: MappedStorage) -> None:
    assert [stored.view(i).tobytes() for i in range(3)] == [b"BBB", b"ZZZZ", b"yy"]
    assert [stored.view(0, level).tobytes() for level in (1, 2)] == [b"c", b"d"]
    assert stored.view(1, 1).tobytes() == b"x"
    assert not any(stored.is_damaged(i, level) for i, level in ((0, 0), (0, 2), (1, 1), (2, 0)))
    assert stored.sums is not None
    stored.sums[0, 2] += 1
    assert stored.is_damaged(0, 2) and not stored.is_damaged(0, 1)


def test_without_checksums_nothing_is_damaged(stored: MappedStorage) -> None:
    stored.sums = None
    assert not stored.is_damaged(0)


def test_a_sample_without_a_checksum_is_not_damaged_and_a_checksum_may_be_0(
    stored: MappedStorage,
) -> None:
    stored.sums = np.array([[-1], [0], [sample_sum(b"yy")]])
    assert [stored.is_damaged(i) for i in range(3)] == [False, True, False]


def test_each_map_has_a_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        MappedStorage([], np.zeros(0), np.zeros(0), paths=[tmp_path])


def test_only_a_file_that_became_shorter_is_refused(stored: MappedStorage, tmp_path: Path) -> None:
    with (tmp_path / "a").open("ab") as file:
        file.write(b"more")
    stored.check_lengths()
    with (tmp_path / "b").open("r+b") as file:
        file.truncate(6)
    with pytest.raises(RecordsError, match=f"^{tmp_path / 'b'} became shorter"):
        stored.check_lengths()
    (tmp_path / "c").write_bytes(b"short")
    (tmp_path / "c").replace(tmp_path / "b")
    stored.check_lengths()  # what was replaced is still there for who has mapped it
    (tmp_path / "b").unlink()
    stored.check_lengths()


@pytest.mark.parametrize("travels", [False, True])
def test_a_part_is_of_samples_or_levels_numbered_anew(stored: MappedStorage, travels: bool) -> None:
    for indices, levels, bodies in (
        ([1, 2], None, [b"ZZZZ", b"yy"]),
        ([2, 0, 0, 1], [0, 2, 0, 1], [b"yy", b"d", b"BBB", b"x"]),
    ):
        part = stored.part(
            np.array(indices), None if levels is None else np.array(levels, np.uint8)
        )
        assert len(part.maps) == len(set(np.array([0, 1, 1])[indices]))
        if travels:
            part = pickle.loads(pickle.dumps(part))
        assert [part.view(i).tobytes() for i in range(len(indices))] == bodies
        assert not any(part.is_damaged(i) for i in range(len(indices)))
        assert part.sums is not None
        part.sums = part.sums + np.uint32(1)
        assert all(part.is_damaged(i) for i in range(len(indices)))


def test_a_part_of_one_file(stored: MappedStorage, tmp_path: Path) -> None:
    one = MappedStorage(
        [map_file(tmp_path / "a")], np.array([0, 5]), np.array([2, 1]), paths=[tmp_path / "a"]
    )
    part = pickle.loads(pickle.dumps(one.part(np.array([1, 0]), np.array([0, 0]))))
    assert [part.view(i).tobytes() for i in range(2)] == [b"c", b"aa"]
    assert part.sums is None and not part.is_damaged(0)


def test_a_part_of_what_is_closed_still_travels(stored: MappedStorage) -> None:
    stored.close()
    part = stored.part(np.array([2]))
    assert part.maps == []
    assert pickle.loads(pickle.dumps(part)).view(0).tobytes() == b"yy"


def test_the_first_file_that_has_changed_is_named(stored: MappedStorage, tmp_path: Path) -> None:
    assert stored.changed_file() is None
    part = stored.part(np.array([0, 1]))
    (tmp_path / "new").write_bytes(b"longer than it was")
    (tmp_path / "new").replace(tmp_path / "b")
    assert stored.changed_file() == part.changed_file() == tmp_path / "b"
    (tmp_path / "a").unlink()
    assert stored.changed_file() == tmp_path / "a"
    travelled = pickle.dumps(part)
    (tmp_path / "a").write_bytes(b"aaBBBcd")
    storage_module._mapped_again.cache_clear()
    for name in "ab":  # of "a" only the file is another, not its length
        with pytest.raises(RecordsError, match=f"^{tmp_path / name} became shorter .* or replaced"):
            pickle.loads(travelled)
        part._places.pop(0)
        travelled = pickle.dumps(part)


def test_files_of_a_folder_are_read_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the same place, wherever the process works by then."""
    for name in ("x", "y"):
        (tmp_path / name).write_bytes(name.encode() * 3)
    monkeypatch.chdir(tmp_path)
    files = FileStorage(Path(), ["x", "y"])
    monkeypatch.chdir("/")
    assert files.view(1).tobytes() == b"yyy" and not files.is_damaged(1)
    assert files.part(np.array([1, 1, 0])).view(2).tobytes() == b"xxx"


TABLES = [b"first", b"second!"]
SUMS = np.array([[1, 2], [3, 2**32 - 1]], SUM)


def file_of(place: int, sums: bytes) -> np.ndarray:
    return np.frombuffer(b"".join([*TABLES, bytes(place - 12), sums]), np.uint8)


def test_checksums_may_end_where_the_file_does(tmp_path: Path) -> None:
    data = file_of(16, sums_bytes(TABLES, SUMS))
    found = read_sums(data, 16, (2, 2), [(0, 5), (5, 12)], tmp_path)
    assert found.tolist() == SUMS.tolist()
    with pytest.raises(RecordsError, match="its checksums lie outside the file"):
        read_sums(data[:-1], 16, (2, 2), [(0, 5), (5, 12)], tmp_path)
    for spans in ([(0, 5)], [(0, 5), (5, 13)], [(1, 5), (5, 12)]):
        with pytest.raises(RecordsError, match="its tables are not those that were written"):
            read_sums(data, 16, (2, 2), spans, tmp_path)


def test_a_checksum_is_told_by_every_table_and_by_their_order() -> None:
    assert tables_sum([b"ab", b"c"]) == tables_sum([b"abc"]) != tables_sum([b"c", b"ab"])
    assert tables_sum([]) == 0x2D06800538D394C2, "XXH3 of nothing, as its authors say"
    assert sample_sum(b"") == 0x38D394C2
    bodies = [bytes([number]) for number in range(40)]
    assert [sample_sum(body) for body in bodies] == [tables_sum([body]) % 2**32 for body in bodies]
