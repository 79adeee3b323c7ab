"""Bytes that are no longer those that were packed: told by every loader, at whatever place."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.pipeline.containers import beton
from headrace.pipeline.containers.checksums import DAMAGED
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.errors import BadSampleError, ConfigError, RecordsError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.tools.info import main as info
from headrace.tools.pack import main as pack
from tests.builders import available_loaders, samples, with_levels, write_beton, write_by_writer

LOADERS = available_loaders()
COUNT = 10
HURT = 4


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    write_by_writer(folder / "jpeg.beton", [with_levels(s) for s in samples(COUNT, low=90)])
    write_by_writer(folder / "raw.beton", samples(COUNT, variant="raw"))
    return folder


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 0x10]))


def hurt(source: Path, out: Path, level: int = 0) -> Path:
    """A copy with one bit flipped in the middle of a sample's bytes, or of a level's."""
    shutil.copy(source, out)
    with Records.open(source) as records:
        storage = records.storage
        assert isinstance(storage, MappedStorage)
        start, size = int(storage.ptrs[HURT]), int(storage.sizes[HURT])
        if level:
            assert storage.levels is not None
            start = int(storage.levels.ptrs[HURT, level - 1])
            size = int(storage.levels.sizes[HURT, level - 1])
    flip(out, start + size * 2 // 3)
    return out


def load(path: Path, name: str, **more: Any) -> list[int]:
    """Indices of an epoch in ascending order; a sample that is left out has another's."""
    with open_loader(
        path, loader=name, size=24, batch_size=4, train=False, workers=1, **more
    ) as loader:
        return [int(i) for batch in loader.epoch() for i in batch.indices]


@pytest.mark.parametrize("name", LOADERS)
def test_a_flipped_bit_in_a_jpeg_is_told(sound: Path, tmp_path: Path, name: str) -> None:
    """Most of them decode, without a warning, to other pixels."""
    path = hurt(sound / "jpeg.beton", tmp_path / "hurt.beton")
    with pytest.raises(BadSampleError, match=rf"{HURT} .*1_4.jpg.*{DAMAGED}"):
        load(path, name, eval_sharpness=np.inf)
    taken = load(path, name, eval_sharpness=np.inf, on_bad_sample="skip")
    assert HURT not in taken and len(taken) == COUNT


@pytest.mark.parametrize("name", [name for name in LOADERS if name != "ffcv"])
def test_a_flipped_bit_in_a_level_is_told(sound: Path, tmp_path: Path, name: str) -> None:
    with open_loader(sound / "jpeg.beton", size=24, train=False) as loader:
        (level,) = loader.plan(0).read_levels(slice(HURT, HURT + 1)).tolist()
    assert level > 0
    path = hurt(sound / "jpeg.beton", tmp_path / "hurt.beton", level)
    with pytest.raises(BadSampleError, match=rf"its level {level} .*: {DAMAGED}"):
        load(path, name)
    assert len(load(path, name, eval_sharpness=np.inf)) == COUNT, "which nobody reads"


@pytest.mark.parametrize("name", LOADERS)
def test_raw_pixels_are_checked_where_that_is_asked_for(
    sound: Path, tmp_path: Path, name: str
) -> None:
    path = hurt(sound / "raw.beton", tmp_path / "hurt.beton")
    with pytest.raises(BadSampleError, match=DAMAGED):
        load(path, name, check_bytes="all")
    assert HURT not in load(path, name, check_bytes="all", on_bad_sample="skip")
    if name != "resident":  # which reads each once, and always looks
        assert load(path, name) == list(range(COUNT))


@pytest.mark.parametrize("name", [name for name in LOADERS if name != "resident"])
def test_the_check_can_be_turned_off(sound: Path, tmp_path: Path, name: str) -> None:
    path = hurt(sound / "jpeg.beton", tmp_path / "hurt.beton")
    with open_loader(path, loader=name, size=24, eval_sharpness=np.inf, check_bytes="off") as it:
        assert it.config.decode.check_bytes == "off"
    with pytest.raises(ConfigError, match="check_bytes is 'yes', expected jpeg, all or off"):
        open_loader(path, check_bytes="yes")  # type: ignore[arg-type]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_flipped_bit_in_a_table_is_told(
    sound: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Whichever it is: a size, a label, a place, a name, a class, a checksum."""
    whole = (sound / "jpeg.beton").read_bytes()
    mapped = np.frombuffer(whole, np.uint8)
    tables = beton.read_tables(mapped, sound)
    assert tables.manifest is not None and tables.sums is not None
    samples_end = beton.SAMPLES_OFFSET + COUNT * beton.SAMPLE.itemsize
    spans = [
        (0, samples_end),
        (tables.sums, tables.sums + 8 + COUNT * 4 * 4),
        (tables.manifest[0], sum(tables.manifest)),
        (tables.end, len(whole)),
    ]
    low, high = data.draw(st.sampled_from(spans))
    place, bit = data.draw(st.integers(low, high - 1)), data.draw(st.integers(0, 7))
    path = tmp_path / "hurt.beton"
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
    with pytest.raises(RecordsError):
        Records.open(path).close()


def test_swapped_pointers_are_told(sound: Path, tmp_path: Path) -> None:
    whole = bytearray((sound / "raw.beton").read_bytes())
    ends = beton.SAMPLES_OFFSET + COUNT * beton.SAMPLE.itemsize
    table = np.frombuffer(whole, beton.SAMPLE, COUNT, beton.SAMPLES_OFFSET).copy()
    for field in ("data_ptr", "width", "height"):
        table[field][[2, 3]] = table[field][[3, 2]]
    whole[beton.SAMPLES_OFFSET : ends] = table.tobytes()
    (tmp_path / "swapped.beton").write_bytes(whole)
    with pytest.raises(RecordsError, match="its tables are not those that were written"):
        Records.open(tmp_path / "swapped.beton")


def test_files_without_checksums_open_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_beton(tmp_path / "old.beton", samples(3))
    with Records.open(path) as records:
        assert not records.has_checksums
        assert not records.is_damaged(0)
    assert info([str(path)]) == 0
    assert "checksums: none" in capsys.readouterr().out


@pytest.mark.parametrize("out", ["packed.beton", "shards/"])
def test_what_is_packed_is_verified_by_its_checksums(
    tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, sample in enumerate(samples(COUNT, low=100)):
        (tmp_path / "in" / str(sample.label)).mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / str(sample.label) / f"{i}.jpg").write_bytes(sample.data)
    packed = tmp_path / out
    assert pack([str(tmp_path / "in"), f"{tmp_path}/{out}", "--levels", "1"]) == 0
    capsys.readouterr()
    assert info([str(packed), "--verify"]) == 0
    assert "checksums: of the tables and of each image" in capsys.readouterr().out
    with Records.open(packed) as records:
        storage = records.storage
        assert isinstance(storage, MappedStorage) and storage.levels is not None
        number = 0 if storage.files is None else int(storage.files[HURT])
        file = storage._known[number][0]
        place = int(storage.ptrs[HURT]) + int(storage.sizes[HURT]) // 2
        level_place = int(storage.levels.ptrs[HURT, 0]) + 200
        assert not any(records.is_damaged(i, level) for i in range(COUNT) for level in (0, 1))
    flip(file, level_place)
    assert info([str(packed), "--verify"]) == 1
    assert f"its level 1 (1/2): {DAMAGED}" in capsys.readouterr().err
    flip(file, place)
    assert info([str(packed), "--verify", "--json"]) == 1
    captured = capsys.readouterr()
    assert DAMAGED in captured.err and '"checksums": true' in captured.out


def test_a_part_keeps_the_checksums_of_what_it_reads(sound: Path) -> None:
    """Parts travel to worker processes."""
    with Records.open(sound / "jpeg.beton") as records:
        indices, levels = np.array([7, 2, 7]), np.array([0, 1, 2], np.uint8)
        part = records.storage.part(indices, levels)
        assert isinstance(part, MappedStorage) and part.sums is not None
        assert not any(part.is_damaged(i) for i in range(3))
        part.sums = np.roll(part.sums, 1, axis=0)
        assert all(part.is_damaged(i) for i in range(3))


def test_sizes_that_the_bytes_cannot_be_are_not_believed(tmp_path: Path) -> None:
    """A loader would reserve gigabytes for it, and `resident` make room for as large a square."""
    absurd = dataclasses.replace(samples(1)[0], height=65535, width=65535)
    with pytest.raises(RecordsError, match="damaged at sample 2: mode 0, 65535x65535 px"):
        Records.open(write_by_writer(tmp_path / "absurd.beton", [*samples(2), absurd]))
