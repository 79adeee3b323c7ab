"""Containers: the .beton tables, the manifest inside, and files that lie."""

from __future__ import annotations

import contextlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.pipeline.containers import beton as layout
from headrace.pipeline.containers.manifest import Manifest, Skipped, manifest_bytes, read_manifest
from headrace.pipeline.errors import BadSampleError, HeadraceError, RecordsError
from headrace.pipeline.mapped import map_file
from headrace.pipeline.records import Records
from tests.builders import StoredSample, make_records, photo, samples, stored, write_beton


@pytest.fixture
def file(tmp_path: Path) -> Path:
    make_records(tmp_path / "a.beton", samples(7), {"train": 4, "val": 3})
    return tmp_path / "a.beton"


def test_a_file_says_what_went_in(file: Path) -> None:
    expected = samples(7)
    with Records.open(file) as records:
        assert len(records) == 7
        assert records.kind == "beton"
        assert records.labels.tolist() == [s.label for s in expected]
        assert records.split("val") == range(4, 7)
        assert records.split(None) == range(7)
        for i, sample in enumerate(expected):
            assert records.view(i).tobytes() == sample.data
            assert records.name(i) == sample.name
            assert records.decode(i).shape == (sample.height, sample.width, 3)
        assert not records.view(0).flags.writeable


def test_a_file_without_a_manifest_has_one_split(tmp_path: Path) -> None:
    records = Records.open(write_beton(tmp_path / "plain.beton", samples(3)))
    assert records.splits == {"train": (0, 3)}
    assert records.name(2) == "#2"
    assert records.manifest == Manifest()


def test_raw_samples_are_their_pixels(tmp_path: Path) -> None:
    image = photo(1, 30, 20)
    records = make_records(tmp_path / "raw.beton", [stored(image, "raw")])
    assert np.array_equal(records.decode(0), image)


def test_allocation_entries_may_stand_in_any_order(file: Path) -> None:
    data = bytearray(file.read_bytes())
    entries = np.frombuffer(data, layout.ALLOCATION, 7, len(data) - 7 * 24).copy()
    data[-7 * 24 :] = entries[::-1].tobytes()
    file.write_bytes(data)
    assert [Records.open(file).view(i).tobytes() for i in range(7)] == [s.data for s in samples(7)]


def test_records_travel_to_another_process_by_path(file: Path) -> None:
    copy = pickle.loads(pickle.dumps(Records.open(file)))
    assert len(pickle.dumps(Records.open(file))) < 500
    assert np.array_equal(copy.decode(3), Records.open(file).decode(3))


def test_a_wrong_split_names_the_right_ones(file: Path) -> None:
    with pytest.raises(RecordsError, match="no split 'test'; it has train, val"):
        Records.open(file).split("test")


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"does not exist; make it with headrace pack"):
        Records.open(tmp_path / "none.beton")
    (tmp_path / "text").write_text("no record file" * 100)
    with pytest.raises(RecordsError, match="neither a"):
        Records.open(tmp_path / "text")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(samples(1)[0].data)
    with pytest.raises(RecordsError, match=r"photo\.jpg is a single image; name the folder that"):
        Records.open(photo)
    (tmp_path / "empty").touch()
    with pytest.raises(RecordsError, match="neither"):
        Records.open(tmp_path / "empty")


@pytest.mark.parametrize("keep", [24, 2000, 2200, 3_000_000, -1])
def test_a_cut_file_is_refused(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(RecordsError, match="truncated or damaged"):
        Records.open(file)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged")
    make_records(folder / "sound.beton", samples(7))
    return folder


@settings(max_examples=150, deadline=None)
@given(offset=st.integers(0, 2106 + 7 * 24 - 1), junk=st.binary(min_size=1, max_size=8))
def test_damaged_tables_never_read_outside_the_file(
    scratch: Path, offset: int, junk: bytes
) -> None:
    """Whatever the tables say, opening and looking at every sample raises only our errors."""
    data = bytearray((scratch / "sound.beton").read_bytes())
    data[offset : offset + len(junk)] = junk
    (scratch / "damaged.beton").write_bytes(data)
    with contextlib.suppress(HeadraceError):
        records = Records.open(scratch / "damaged.beton")
        for i in range(len(records)):
            records.view(i)
            records.decode(i)


def test_a_size_that_lies_is_a_bad_sample(tmp_path: Path) -> None:
    good = stored(photo(0, 40, 50), name="liar.jpg")
    liar = StoredSample(data=good.data, height=41, width=50, name="liar.jpg")
    records = make_records(tmp_path / "liar.beton", [liar])
    with pytest.raises(BadSampleError, match=r"sample 0 \(liar.jpg\).*is 50x40 px, the tables say"):
        records.decode(0)


def test_garbage_is_a_bad_sample(tmp_path: Path) -> None:
    junk = StoredSample(data=b"\xff\xd8 no picture", height=8, width=8, name="junk.jpg")
    records = make_records(tmp_path / "junk.beton", [junk])
    with pytest.raises(BadSampleError, match=r"junk\.jpg") as caught:
        records.decode(0)
    assert (caught.value.index, caught.value.name) == (0, "junk.jpg")


names = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=8)


@given(names, st.dictionaries(st.text(max_size=5), st.tuples(st.integers(0, 5), st.just(9))))
def test_a_manifest_reads_back(file_names: list[str], splits: dict[str, tuple[int, int]]) -> None:
    manifest = Manifest(
        classes=("crème", "b"),
        splits=splits,
        encoding={"format": "jpeg", "quality": 90},
        mean=(0.1, 0.2, 0.3),
        skipped=(Skipped(name="x.jpg", reason="cut"),),
    )
    data = np.frombuffer(manifest_bytes(manifest, file_names), np.uint8)
    back, table = read_manifest(data)
    assert back == manifest
    assert list(table) == file_names
    with pytest.raises(IndexError):
        table[len(file_names)]


def test_a_damaged_manifest_is_refused() -> None:
    data = np.frombuffer(manifest_bytes(Manifest(), ["a"]), np.uint8)
    with pytest.raises(RecordsError, match="cut short"):
        read_manifest(data[:10])
    with pytest.raises(RecordsError, match="do not add up"):
        read_manifest(data[:-1])
    broken = data.copy()
    broken[40] = 0
    with pytest.raises(RecordsError, match="damaged"):
        read_manifest(broken)


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="needs descriptors with names")
def test_a_pipe_is_called_one() -> None:
    """Its length is 0, as that of an empty file."""
    reading, writing = os.pipe()
    os.close(writing)
    try:
        with pytest.raises(RecordsError, match=r"/dev/fd/\d+ is a pipe .*; name a file$"):
            map_file(Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
