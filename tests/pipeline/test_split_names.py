"""Splits are found by the names that their folders had, where only one can be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.records import Records
from headrace.pipeline.split_names import split_called, split_line
from headrace.train.data.inputs import data_fingerprint
from headrace.train.data.labels import held_out
from tests.builders import jpeg_bytes, photo


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Of a folder with `training` and `valid`."""
    for split in ("training", "valid"):
        for number in range(4):
            place = tmp_path / "data" / split / f"class{number % 2}" / f"{number}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(jpeg_bytes(photo(number, 30, 30)))
    return Records.open(tmp_path / "data")


def test_the_folders_own_names_find_the_splits(records: Records) -> None:
    assert set(records.splits) == {"train", "val"}
    for name in ("valid", "Validation", "val"):
        assert records.select(name).tolist() == list(records.split("val"))
        assert records.split(name) == records.split("val")
        assert held_out(records, name).tolist() == list(records.split("val"))
    assert len(records.select("training+valid")) == len(records)
    assert len(records.select("training[:50%]")) == 2
    prints = {data_fingerprint(records, ("train", name)) for name in ("val", "valid", "nothing")}
    assert len(prints) == 3  # as words, and because nothing is held out


@pytest.mark.parametrize("name", ["test", "valida", "training2"])
def test_others_are_not_guessed(name: str, records: Records) -> None:
    for find in (records.select, records.split):
        with pytest.raises(RecordsError, match=f"has no split '{name}'; it has train, val"):
            find(name)
    assert not len(held_out(records, name))


def test_two_that_could_be_meant_are_none() -> None:
    assert split_called("valid", ["validation", "val"]) is None
    assert split_called("validation", ["validation", "val"]) == "validation"
    assert split_called("val", ["train", "Validation"]) == "Validation"


def test_the_line_names_both() -> None:
    assert split_line("--val-split", "valid", ["val"]) == (
        "--val-split valid: the split is called val here"
    )
    assert split_line("--val-split", "val", ["val"]) == split_line("--x", "nope", ["val"]) == ""
