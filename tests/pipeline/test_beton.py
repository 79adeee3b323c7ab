"""The tables of a .beton at the edges of what they may say, and the places where samples lie."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.pipeline.containers import beton, beton_writer
from headrace.pipeline.containers.beton_writer import (
    MAX_PAGE_SIZE,
    BetonWriter,
    check_page_size,
    next_multiple,
    write_tables,
)
from headrace.pipeline.containers.level_table import LEVEL
from headrace.pipeline.containers.manifest import LevelsPlace, Manifest, manifest_bytes
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.errors import BadImageError, ConfigError, RecordsError

PATH = Path("/data/food.beton")
PAGE = beton.MIN_PAGE_SIZE
START = beton.SAMPLES_OFFSET


def header(**values: int) -> bytes:
    row = {"version": 2, "num_fields": 2, "page_size": PAGE, "num_samples": 0, "allocation_ptr": 0}
    row.update(values)
    return np.array([tuple(row.values())], beton.HEADER).tobytes()


@pytest.mark.parametrize(
    ("values", "is_one"),
    [
        ({}, True),
        ({"version": 1}, False),
        ({"num_fields": 0}, False),
        ({"num_fields": 1}, True),
        ({"num_fields": 63}, True),
        ({"num_fields": 64}, False),
        ({"page_size": 2 * PAGE}, True),
        ({"page_size": PAGE // 2}, False),
        ({"page_size": PAGE + 2}, False),
        ({"page_size": 0}, False),
    ],
)
def test_what_a_beton_begins_with(values: dict[str, int], is_one: bool) -> None:
    assert beton.is_beton(header(**values)) == is_one
    assert not beton.is_beton(header(**values)[:-1])


def test_the_layout_is_that_of_ffcv() -> None:
    """Byte by byte, with the numbers that its reader knows."""
    head = header(num_samples=3, allocation_ptr=9, page_size=2 * PAGE)
    assert head == struct.pack("<HHIQQ", 2, 2, 4 << 20, 3, 9)
    sample = np.array([(1, 300, 200, 70_000, -1)], beton.SAMPLE).tobytes()
    assert sample == struct.pack("<BHHQ3xq", 1, 300, 200, 70_000, -1)
    allocation = np.array([(7, 8, 9)], beton.ALLOCATION).tobytes()
    assert allocation == struct.pack("<QQQ", 7, 8, 9)
    fields = beton.field_descriptors((11, 12), 13)
    pointers = struct.pack("<8sQQ8sQ", b"HEADRACE", 11, 12, b"HRXXH3-1", 13)
    image, label = struct.pack("<B16s1024x", 2, b"image"), struct.pack("<B16s", 1, b"label")
    assert fields == image + label + pointers + bytes(1024 - len(pointers))
    assert beton.field_descriptors(None)[1058:] == bytes(1024)
    assert (START, PAGE, beton.DEFAULT_PAGE_SIZE) == (24 + 2 * 1041, 2 << 20, 8 << 20)
    assert (beton.MODE_JPEG, beton.MODE_RAW, beton.MODE_OTHER) == (0, 1, 2)
    assert beton.MAX_SIDE_PX == 2**16 - 1


def tables(**changed: Any) -> beton.Tables:
    """Of three samples in a file of 1000 bytes: a JPEG, raw pixels, and a JPEG at its end."""
    sound = {
        "modes": [0, 1, 0],
        "heights": [1, 2, 9],
        "widths": [1, 5, 9],
        "labels": [0, 0, 0],
        "ptrs": [0, 100, 990],
        "sizes": [1, 30, 10],
    }
    arrays = {name: np.array(changed.get(name, values)) for name, values in sound.items()}
    return beton.Tables(**arrays, manifest=None, sums=None, page_size=PAGE, end=1000)


def test_samples_may_lie_anywhere_in_the_file() -> None:
    beton.check_tables(tables(), 1000, PATH)
    beton.check_tables(tables(heights=[1, 2, 2**13], widths=[1, 5, 2**13]), 1000, PATH)


@pytest.mark.parametrize(
    ("changed", "index"),
    [
        ({"ptrs": [-1, 100, 990]}, 0),
        ({"ptrs": [0, 100, 991]}, 2),
        ({"sizes": [0, 30, 10]}, 0),
        ({"sizes": [1, 30, 11]}, 2),
        ({"sizes": [1, 31, 10]}, 1),
        ({"sizes": [1, 29, 10]}, 1),
        ({"heights": [0, 2, 9]}, 0),
        ({"widths": [1, 5, 0]}, 2),
        ({"modes": [0, 2, 0]}, 1),
        ({"modes": [2, 1, 0]}, 0),
        ({"heights": [1, 2, 2**13], "widths": [1, 5, 2**13 + 1]}, 2),
        ({"heights": [0, 0, 0]}, 0),
    ],
)
def test_the_first_sample_that_cannot_be_is_named(changed: dict[str, Any], index: int) -> None:
    with pytest.raises(RecordsError, match=rf"{PATH} is damaged at sample {index}: mode "):
        beton.check_tables(tables(**changed), 1000, PATH)


def whole(*, fields: bytes | None = None, data: bytes = bytes(50), **values: int) -> np.ndarray:
    """A file of one JPEG of 40 bytes, up to its allocation."""
    end = START + beton.SAMPLE.itemsize + len(data)
    head = header(**{"num_samples": 1, "allocation_ptr": end, **values})
    sample = np.array([(0, 3, 2, START + 24, -7)], beton.SAMPLE)
    allocation = np.array([(0, START + 24, 40)], beton.ALLOCATION)
    parts = [head, fields or beton.field_descriptors(None), sample.tobytes(), data]
    return np.frombuffer(b"".join([*parts, allocation.tobytes()]), np.uint8)


def test_tables_are_read_as_they_stand() -> None:
    end = START + 24 + 50
    found = beton.read_tables(whole(), PATH)
    assert (found.widths.tolist(), found.heights.tolist()) == ([3], [2])
    assert (found.labels.tolist(), found.modes.tolist()) == ([-7], [0])
    assert (found.ptrs.tolist(), found.sizes.tolist()) == ([START + 24], [40])
    assert (found.manifest, found.sums, found.page_size, found.end) == (None, None, PAGE, end)


@pytest.mark.parametrize(
    ("manifest", "sums"),
    [((START, 0), None), ((START, 74), 5), ((START + 74, 0), 2**40), ((START + 1, 73), None)],
)
def test_a_manifest_may_take_all_the_room_there_is(
    manifest: tuple[int, int], sums: int | None
) -> None:
    found = beton.read_tables(whole(fields=beton.field_descriptors(manifest, sums)), PATH)
    assert (found.manifest, found.sums) == (manifest, sums)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (beton.field_descriptors((START - 1, 9)), "its manifest lies outside the file"),
        (beton.field_descriptors((START, 75)), "its manifest lies outside the file"),
        (beton.field_descriptors(None, 9), "it has checksums and no manifest"),
        (beton.field_descriptors((START, 9)).replace(b"HEADRACE", b"HEADRACX"), "something else"),
        (beton.field_descriptors((START, 9), 9).replace(b"HRXX", b"HRXY"), "something else"),
        (b"\1" + beton.field_descriptors(None)[1:], r"fields of type \[1, 1\]"),
    ],
)
def test_pointers_and_fields_that_cannot_be(fields: bytes, message: str) -> None:
    with pytest.raises(RecordsError, match=message):
        beton.read_tables(whole(fields=fields), PATH)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_fields": 3}, "has 3 fields, expected an image and a label"),
        ({"num_fields": 1}, "has 1 fields"),
        ({"num_samples": 2}, "cannot hold the 2 samples"),
        ({"num_samples": 0}, "cannot hold the 0 samples"),
        ({"allocation_ptr": START + 23}, "cannot hold the 1 samples"),
        ({"version": 3}, "is not a .beton file of version 2"),
    ],
)
def test_headers_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordsError, match=message):
        beton.read_tables(whole(**values), PATH)


def test_samples_may_fill_the_file_up_to_the_allocations() -> None:
    data = whole(data=b"", num_samples=1)
    assert beton.read_tables(data, PATH).end == START + 24


def test_a_sample_that_nobody_allocated_is_told() -> None:
    data = bytearray(whole().tobytes())
    for pointer in (START, START + 90):
        data[-16:-8] = pointer.to_bytes(8, "little")
        with pytest.raises(RecordsError, match="a sample lies outside what was stored; copy or"):
            beton.read_tables(np.frombuffer(bytes(data), np.uint8), PATH)


@pytest.mark.parametrize(
    ("place", "may"), [(-1, False), (0, True), (400 - 12, True), (400 - 11, False)]
)
def test_a_table_of_levels_lies_among_the_data(tmp_path: Path, place: int, may: bool) -> None:
    """Its one entry, of zeros, says that there is no level."""
    start, room = START + 24, bytes(200)
    offset = start + place
    body = manifest_bytes(Manifest(levels=LevelsPlace(offset=offset, count=1)), ["x.jpg"])
    assert len(body) < 200
    fields = beton.field_descriptors((start + 200, len(body)))
    path = tmp_path / "a.beton"
    path.write_bytes(whole(fields=fields, data=room + body.ljust(200, b"\0")).tobytes())
    if may:
        storage = beton.open_beton(path).storage
        assert isinstance(storage, MappedStorage) and storage.levels is not None
        assert storage.levels.stored.tolist() == [[False]]
    else:
        with pytest.raises(RecordsError, match="its table of levels lies outside the file"):
            beton.open_beton(path)


@pytest.mark.parametrize("size", [PAGE - 1, PAGE + 1, 3 * PAGE, 0, PAGE // 2, 2 * MAX_PAGE_SIZE])
def test_page_sizes_that_cannot_be(size: int) -> None:
    with pytest.raises(ConfigError, match=rf"page size {size}: expected .* 2147483648 \(bytes\)"):
        check_page_size(size)


def test_a_writer_asks_for_a_page_size_that_can_be(tmp_path: Path) -> None:
    with (tmp_path / "a.beton").open("wb") as file, pytest.raises(ConfigError, match="page size"):
        BetonWriter(file, 1, PAGE + 1)


def test_page_sizes_that_can_be() -> None:
    for size in (PAGE, 2 * PAGE, MAX_PAGE_SIZE):
        check_page_size(size)
    assert MAX_PAGE_SIZE < 2**32 <= 2 * MAX_PAGE_SIZE, "the header has four bytes for it"


def test_the_next_multiple_may_be_where_one_is() -> None:
    assert [next_multiple(place, 8) for place in (0, 1, 7, 8, 9)] == [0, 8, 8, 8, 16]


def written(path: Path, sizes: list[int], page_size: int = PAGE, **more: bool) -> beton.Tables:
    with path.open("wb") as file:
        writer = BetonWriter(file, len(sizes) + 2, page_size, **more)
        for number, size in enumerate(sizes):
            writer.add(bytes([number]) * size, mode=0, width=1, height=1, label=0)
        writer.finish(Manifest(), [""] * len(sizes))
    data = np.fromfile(path, np.uint8)
    found = beton.read_tables(data, path)
    for number, (ptr, size) in enumerate(zip(found.ptrs, sizes, strict=True)):
        assert (data[ptr : ptr + size] == number).all()
    return found


def test_no_sample_straddles_two_pages(tmp_path: Path) -> None:
    """One that just fills its page stays there; the next begins another."""
    found = written(tmp_path / "a.beton", [PAGE - 10, 10, 5, PAGE, 1])
    assert found.ptrs.tolist() == [PAGE, 2 * PAGE - 10, 2 * PAGE, 3 * PAGE, 4 * PAGE]
    assert found.end == 6 * PAGE and found.page_size == PAGE
    assert found.manifest is not None and found.sums is not None
    assert found.manifest[0] % 8 == found.sums % 8 == 0
    assert 5 * PAGE <= found.sums < found.manifest[0] < found.end


def test_samples_lie_behind_the_room_for_their_table(tmp_path: Path) -> None:
    with (tmp_path / "a.beton").open("wb") as file:
        writer = BetonWriter(file, PAGE // beton.SAMPLE.itemsize, PAGE)
        writer.add(b"x", mode=0, width=1, height=1, label=0)
        writer.finish(Manifest(), [""])
    found = beton.read_tables(np.fromfile(tmp_path / "a.beton", np.uint8), PATH)
    assert found.ptrs.tolist() == [2 * PAGE]


def test_pages_grow_where_they_may(tmp_path: Path) -> None:
    found = written(tmp_path / "a.beton", [5, PAGE + 1, PAGE], may_grow=True)
    assert found.page_size == 2 * PAGE
    assert found.ptrs.tolist() == [PAGE, 2 * PAGE, 4 * PAGE]
    with pytest.raises(BadImageError, match=rf"its {PAGE + 1} bytes do not fit .* --page-size 4,"):
        written(tmp_path / "b.beton", [PAGE + 1])


def test_the_largest_page_can_be_grown_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beton_writer, "MAX_PAGE_SIZE", 2 * PAGE)
    assert written(tmp_path / "a.beton", [2 * PAGE], may_grow=True).page_size == 2 * PAGE
    with pytest.raises(BadImageError, match=f"its {2 * PAGE + 1} bytes are more than the"):
        written(tmp_path / "b.beton", [2 * PAGE + 1], may_grow=True)


def test_a_file_without_checksums_has_no_room_for_them(tmp_path: Path) -> None:
    path = tmp_path / "a.beton"
    samples = np.array([(0, 1, 1, PAGE, 0)], beton.SAMPLE)
    allocations = np.array([(0, PAGE, 16)], beton.ALLOCATION)
    with path.open("wb") as file:
        write_tables(
            file,
            PAGE + 16,
            samples=samples,
            allocations=allocations,
            levels=np.zeros((1, 0), LEVEL),
            sums=None,
            page_size=PAGE,
            manifest=Manifest(),
            names=[""],
        )
    found = beton.read_tables(np.fromfile(path, np.uint8), path)
    assert found.sums is None and found.manifest is not None and found.manifest[0] == PAGE + 16


def test_no_page_can_hold_what_the_header_cannot_say(tmp_path: Path) -> None:
    class Long(bytes):
        def __len__(self) -> int:
            return MAX_PAGE_SIZE + 1

    with (tmp_path / "a.beton").open("wb") as file:
        writer = BetonWriter(file, 1, PAGE, may_grow=True)
        with pytest.raises(BadImageError, match=r"more than the largest page holds \(2048 MiB\)"):
            writer.add(Long(), mode=0, width=1, height=1, label=0)
        assert writer.page_size == PAGE


def test_a_level_may_be_there_without_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.beton"
    with path.open("wb") as file:
        writer = BetonWriter(file, 2, PAGE)
        for levels in ((None, b"quarter"), (b"half",)):
            writer.add(b"whole", mode=0, width=8, height=8, label=0, levels=levels)
        writer.finish(Manifest(), ["", ""])
    opened = beton.open_beton(path)
    assert isinstance(opened.storage, MappedStorage) and opened.storage.levels is not None
    assert opened.storage.levels.stored.tolist() == [[False, True], [True, False]]
    assert opened.storage.view(0, 2).tobytes() == b"quarter"
    assert opened.storage.view(1, 1).tobytes() == b"half"
    assert not opened.storage.is_damaged(0, 2) and not opened.storage.is_damaged(1, 1)
