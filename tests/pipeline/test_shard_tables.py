"""Shards whose tables, indices and labels are at the edges of what they may say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.pipeline.containers import shard_writer
from headrace.pipeline.containers.checksums import SUM, sample_sum
from headrace.pipeline.containers.level_table import LEVEL
from headrace.pipeline.containers.manifest import Manifest, manifest_bytes
from headrace.pipeline.containers.shard_tables import SAMPLE, read_tables, tables_path, write_tables
from headrace.pipeline.containers.shard_writer import ShardWriter
from headrace.pipeline.containers.shards import is_shard_folder, is_tar, open_shards
from headrace.pipeline.errors import RecordsError
from tests.builders import jpeg_bytes, photo

Row = tuple[int, int, int, int, int, int]  # shard, width, height, label, place, size
SOUND: list[Row] = [(0, 1, 1, 5, 0, 1), (1, 4, 3, -1, 590, 10), (0, 9, 9, 0, 0, 1000)]


def folder_of(folder: Path, rows: list[Row], **tables: Any) -> Path:
    """Shards of 1000 and 600 bytes, and tables of them."""
    (folder / "a.tar").write_bytes(bytes(range(250)) * 4)
    (folder / "b.tar").write_bytes(bytes(600))
    body = manifest_bytes(Manifest(classes=tuple("abcdef")), [f"{i}.jpg" for i in range(len(rows))])
    samples = np.array(rows, SAMPLE)
    levels = tables.get("levels", np.zeros((len(rows), 0), LEVEL))
    sums = tables.get("sums", np.zeros((len(rows), 1 + levels.shape[1]), SUM))
    names = [folder / "a.tar", folder / "b.tar"]
    write_tables(tables_path(folder), names, samples, body, levels, sums)
    return folder


def test_samples_may_fill_their_shards(tmp_path: Path) -> None:
    found = open_shards(folder_of(tmp_path, SOUND))
    assert found.table.labels.tolist() == [5, -1, 0]
    assert (found.table.widths.tolist(), found.table.heights.tolist()) == ([1, 4, 9], [1, 3, 9])
    assert [len(found.storage.view(i)) for i in range(3)] == [1, 10, 1000]
    assert found.storage.view(2)[:3].tolist() == [0, 1, 2]
    assert found.kind == "shards" and list(found.table.names) == ["0.jpg", "1.jpg", "2.jpg"]


@pytest.mark.parametrize(
    ("row", "number"),
    [
        ((2, 4, 3, 0, 0, 10), 1),
        ((1, 4, 3, 0, 591, 10), 1),
        ((1, 4, 3, 0, 590, 11), 1),
        ((1, 4, 3, 0, 0, 601), 1),
        ((1, 4, 3, 0, 2**63, 10), 1),
        ((1, 4, 3, 0, 0, 0), 1),
        ((1, 0, 3, 0, 0, 10), 1),
        ((1, 4, 0, 0, 0, 10), 1),
        ((1, 2**13, 2**13 + 1, 0, 0, 10), 1),
    ],
)
def test_the_first_sample_that_does_not_fit_is_named(tmp_path: Path, row: Row, number: int) -> None:
    folder = folder_of(tmp_path, [SOUND[0], row, row])
    with pytest.raises(RecordsError, match=f"is damaged at sample {number}: "):
        open_shards(folder)


def test_levels_lie_in_the_shards_of_their_samples(tmp_path: Path) -> None:
    levels = np.zeros((3, 1), LEVEL)
    levels[1, 0] = 595, 5
    found = open_shards(folder_of(tmp_path, SOUND, levels=levels))
    assert found.storage.view(1, 1).tolist() == [0] * 5
    levels[1, 0] = 596, 5  # there are as many bytes in the other shard only
    with pytest.raises(RecordsError, match="damaged at level 1 of sample 1"):
        open_shards(folder_of(tmp_path, SOUND, levels=levels))
    levels[1, 0] = 511, 5  # in the header of the first member
    with pytest.raises(RecordsError, match="damaged at level 1 of sample 1"):
        open_shards(folder_of(tmp_path, SOUND, levels=levels))


def test_a_sample_of_a_shard_that_is_not_there_is_named(tmp_path: Path) -> None:
    body = manifest_bytes(Manifest(), ["0.jpg"])
    (tmp_path / "a.tar").write_bytes(bytes(100))
    rows = np.array([(1, 1, 1, 0, 0, 1)], SAMPLE)
    levels, sums = np.zeros((1, 0), LEVEL), np.zeros((1, 1), SUM)
    write_tables(tables_path(tmp_path), [tmp_path / "a.tar"], rows, body, levels, sums)
    with pytest.raises(RecordsError, match="is damaged at sample 0: "):
        open_shards(tmp_path)


def test_as_many_pixels_may_be_said_as_a_file_can_have(tmp_path: Path) -> None:
    found = open_shards(folder_of(tmp_path, [(0, 2**13, 2**13, 0, 0, 1000)]))
    assert found.table.widths.tolist() == [2**13]


@pytest.mark.parametrize(
    "sums", [np.zeros((2, 1), SUM), np.zeros((3, 2), SUM), np.zeros((3, 1), "<u8")]
)
def test_checksums_of_other_samples_are_refused(tmp_path: Path, sums: np.ndarray) -> None:
    with pytest.raises(RecordsError, match="its checksums are of other samples"):
        open_shards(folder_of(tmp_path, SOUND, sums=sums))


def test_a_checksum_is_that_of_the_samples_bytes(tmp_path: Path) -> None:
    sums = np.array([[sample_sum(b"\0")], [0], [0]], SUM)
    storage = open_shards(folder_of(tmp_path, SOUND, sums=sums)).storage
    assert [storage.is_damaged(i) for i in range(3)] == [False, True, True]


@pytest.mark.parametrize(
    "changed",
    [
        {"samples": np.zeros((3, 1), SAMPLE)},
        {"samples": np.zeros(3, "<u4")},
        {"manifest": np.zeros(9, np.int8)},
        {"manifest": np.zeros((9, 1), np.uint8)},
        {"shards": np.zeros(0, "<U3")},
        {"shards": np.zeros((1, 1), "<U3")},
        {"shards": np.zeros(2, "<u4")},
        {"shards": np.full(2, 0x110000, "<u4").view("<U1")},
    ],
)
def test_tables_of_another_kind_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = folder_of(tmp_path, SOUND) / "headrace.npz"
    with np.load(path) as tables:
        whole = dict(tables)
    np.savez(path, **{**whole, **changed})
    with pytest.raises(RecordsError, match="its tables have other columns"):
        read_tables(path)


def test_the_last_character_there_is_may_be_in_a_name(tmp_path: Path) -> None:
    path = folder_of(tmp_path, SOUND) / "headrace.npz"
    with np.load(path) as tables:
        whole = dict(tables)
    np.savez(path, **{**whole, "shards": np.array(["\U0010ffff.tar"])})
    with pytest.raises(RecordsError, match=r"\.tar is missing; copy it beside headrace\.npz"):
        read_tables(path)


def test_tables_lie_beside_a_shard_and_within_a_folder() -> None:
    assert tables_path(Path("x/food.tar")) == Path("x/food.headrace.npz")
    assert tables_path(Path("x/food")) == Path("x/food/headrace.npz")


def test_a_tar_is_known_by_its_head() -> None:
    assert is_tar(bytes(257) + b"ustar" + bytes(250))
    for place in (256, 258):
        assert not is_tar(bytes(place) + b"ustar" + bytes(250))


def test_a_folder_of_shards_has_tables_or_tars(tmp_path: Path) -> None:
    for name, holds in (("x.jpg", False), ("x.tar", True), ("headrace.npz", True)):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        (folder / name).touch()
        assert is_shard_folder(folder) == holds


def indexed(folder: Path, name: str, *samples: tuple[bytes, ...], head: str = "") -> Path:
    """A shard of samples (their .jpg, and their .cls if they have one) and its index."""
    data, lines = bytearray(b"-" * 7), []
    for number, parts in enumerate(samples):
        words = []
        for extension, part in zip(("jpg", "cls"), parts, strict=False):
            words.append(f"{extension} {len(data)} {len(part)} {number}.{extension}")
            data += part
        lines.append(" ".join(words))
    (folder / name).write_bytes(data)
    text = "\n".join([head or f"v1.2 {len(lines)}", *lines]) + "\n"
    (folder / name).with_suffix(".idx").write_text(text)
    return folder / name


JPEG = jpeg_bytes(photo(0, 20, 30))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (b"3", 3),
        (b" -12\n", -12),
        (b"x", -1),
        (b"", -1),
        (b"1.5", -1),
        (b"--1", -1),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"0" * 31 + b"7", 7),
        (b"0" * 32 + b"7", 0),
    ],
)
def test_labels_are_read_from_their_files(tmp_path: Path, text: bytes, label: int) -> None:
    found = open_shards(indexed(tmp_path, "a.tar", (JPEG, text), (JPEG, b"1"), (JPEG,)))
    assert found.table.labels.tolist() == [label, 1, -1]
    assert found.storage.view(1).tobytes() == JPEG
    assert (found.table.heights[2], found.table.widths[2]) == (20, 30)
    assert found.manifest.splits == {"train": (0, 3)} and found.table.names[0] == "0.jpg"


@pytest.mark.parametrize("text", [b"9223372036854775808", b"-9223372036854775809"])
def test_labels_that_no_label_can_be_are_refused(tmp_path: Path, text: bytes) -> None:
    shard = indexed(tmp_path, "a.tar", (JPEG, b"1"), (JPEG, text))
    with pytest.raises(RecordsError, match=r"the sample 1\.jpg has label -?9223372036854775"):
        open_shards(shard)


def test_samples_without_an_image_are_named_and_those_behind_them_read(tmp_path: Path) -> None:
    shard = indexed(tmp_path, "a.tar", (JPEG, b"1"), (b"no picture",), (JPEG, b"2"))
    index = shard.with_suffix(".idx")
    _, *lines = index.read_text().splitlines()
    index.write_text("\n".join(["v1.2 4", lines[0], "png 1 2 3.png", *lines[1:]]) + "\n")
    found = open_shards(shard)
    assert [one.reason for one in found.manifest.skipped] == ["it has no .jpg", "not a JPEG"]
    assert found.manifest.splits == {"train": (0, 2)} and found.table.labels.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("v1.1 1", "is not an index of version v1.2"),
        ("v1.2 2", "is not an index of version v1.2"),
        ("v1.2", "is not an index of version v1.2"),
        ("v1.2 1 1", "is not an index of version v1.2"),
        (" ", "is not an index of version v1.2"),
    ],
)
def test_indices_of_another_version_are_refused(tmp_path: Path, head: str, message: str) -> None:
    with pytest.raises(RecordsError, match=message):
        open_shards(indexed(tmp_path, "a.tar", (JPEG,), head=head))


@pytest.mark.parametrize(
    "line",
    ["jpg 7 x 0.jpg", "jpg x 9 0.jpg", "jpg 7 9", "jpg 7 9 0.jpg cls", "jpg -1 9 a", "jpg 7 -1 a"],
)
def test_a_line_that_is_none_is_shown(tmp_path: Path, line: str) -> None:
    shard = indexed(tmp_path, "a.tar")
    shard.with_suffix(".idx").write_text(f"v1.2 1\n{line}\n")
    with pytest.raises(RecordsError, match=f"is damaged at the line '{line}'"):
        open_shards(shard)


@pytest.mark.parametrize("line", [f"jpg {2**63} 9 0.jpg", f"jpg 7 {2**63} 0.jpg"])
def test_a_line_of_more_than_a_file_can_have_is_shown(tmp_path: Path, line: str) -> None:
    shard = indexed(tmp_path, "a.tar", (JPEG,))
    shard.with_suffix(".idx").write_text(f"v1.2 1\n{line}\n")
    with pytest.raises(RecordsError, match=f"is damaged at the line '{line}'"):
        open_shards(shard)
    shard.with_suffix(".idx").write_text(f"v1.2 1\njpg 7 {2**63 - 1} 0.jpg\n")
    with pytest.raises(RecordsError, match=r"is damaged at sample 0: .* does not fit its shard"):
        open_shards(shard)


def test_shards_of_a_folder_come_by_their_splits(tmp_path: Path) -> None:
    """Training first, whatever they are called; several shards of a split are one range."""
    labels = {"val-000000": b"3", "test_1": b"4", "train-000001": b"1", "train-000000": b"0"}
    for name, label in {**labels, "food2": b"2"}.items():
        indexed(tmp_path, f"{name}.tar", (JPEG, label), (JPEG, label))
    found = open_shards(tmp_path)
    assert found.table.labels.tolist() == [2, 2, 0, 0, 1, 1, 3, 3, 4, 4]
    assert found.manifest.splits == {"train": (0, 6), "val": (6, 8), "test": (8, 10)}


def test_a_shard_is_closed_when_it_is_full_and_where_a_split_begins(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, None, 3 * 512 + 3 * 512)  # one sample of three short files
    for number, split in enumerate(["train", "train", "val", "val", "val"]):
        writer.begin(f"{number}.jpg", split)
        writer.add(JPEG[:100], mode=0, width=3, height=2, label=number)
    writer.finish(Manifest(), [f"{number}.jpg" for number in range(5)])
    names = sorted(path.name for path in tmp_path.glob("*.tar"))
    assert names == [f"train-00000{i}.tar" for i in (0, 1)] + [
        f"val-00000{i}.tar" for i in range(3)
    ]
    for name in names:
        assert (tmp_path / name).stat().st_size == 6 * 512 + 2 * 512
    tables = read_tables(tmp_path / "headrace.npz")
    assert tables.samples["shard"].tolist() == [0, 1, 2, 3, 4]
    assert tables.samples["ptr"].tolist() == [512] * 5
    assert tables.samples["size"].tolist() == [100] * 5
    assert tables.samples["label"].tolist() == [0, 1, 2, 3, 4]
    assert tables.levels.shape == (5, 0) and tables.sums is not None
    assert tables.sums.tolist() == [[sample_sum(JPEG[:100])]] * 5


def test_a_shard_that_is_not_full_takes_more(tmp_path: Path) -> None:
    for single, folder in ((None, tmp_path / "many"), ("one", tmp_path / "one")):
        folder.mkdir()
        writer = ShardWriter(folder, single, 6 * 512 + 1 if single is None else 1)
        for number in range(3):
            writer.begin("x.jpg", "train" if number < 2 or single is None else "val")
            writer.add(
                JPEG[:512], mode=0, width=3, height=2, label=0, levels=(None, b"small")[:number]
            )
        writer.finish(Manifest(), ["x.jpg"] * 3)
        tables = read_tables(tables_path(folder / "one.tar" if single else folder))
        assert tables.samples["shard"].tolist() == ([0, 0, 0] if single else [0, 0, 1])
        assert tables.levels["size"].tolist() == [[0, 0], [0, 0], [0, 5]]
        assert tables.levels["ptr"].ravel()[:5].tolist() == [0] * 5
        assert tables.sums is not None
        assert tables.sums[2].tolist() == [sample_sum(JPEG[:512]), 0, sample_sum(b"small")]
        place = int(tables.levels["ptr"][2, 1])
        data = tables.shards[int(tables.samples["shard"][2])].read_bytes()
        assert data[place : place + 5] == b"small" and len(data) % 512 == 0


def test_a_shard_is_whole_on_the_disk_before_its_index_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []

    def sync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_size, list(tmp_path.glob("*.idx"))))

    monkeypatch.setattr(shard_writer.os, "fsync", sync)
    writer = ShardWriter(tmp_path, "one", 1)
    writer.begin("x.jpg", "train")
    writer.add(JPEG[:100], mode=0, width=3, height=2, label=0)
    writer.finish(Manifest(), ["x.jpg"])
    assert synced == [(8 * 512, [])]
    assert (tmp_path / "one.tar").stat().st_size == 8 * 512


def test_an_aborted_writer_lets_go_of_its_shard(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, "one", 1)
    writer.abort()
    writer.begin("x.jpg", "train")
    writer.add(JPEG, mode=0, width=3, height=2, label=0)
    file = writer._file
    assert file is not None
    writer.abort()
    assert file.closed and writer._file is None
