"""Splits are found by the names that their folders had, where only one can be meant."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.layouts.listing import split_of
from headrace.pipeline.layouts.split_words import list_split
from headrace.pipeline.records import Records
from headrace.pipeline.split_names import SPLIT_NAMES, split_called, split_line
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
    for find in (records.select, records.split, partial(held_out, records)):
        with pytest.raises(RecordsError, match=f"has no split '{name}'; it has train, val"):
            find(name)


def test_nothing_is_held_out_only_where_that_is_meant(tmp_path: Path) -> None:
    for number in range(2):
        place = tmp_path / "train" / f"class{number}" / "a.jpg"
        place.parent.mkdir(parents=True)
        place.write_bytes(jpeg_bytes(photo(number, 30, 30)))
    records = Records.open(tmp_path)
    assert not len(held_out(records, "val")) and not len(held_out(records, "none"))
    with pytest.raises(RecordsError, match="no split 'valid'"):
        held_out(records, "valid")


@pytest.mark.parametrize("word", SPLIT_NAMES)
def test_every_word_by_which_a_folder_is_packed_finds_its_split(word: str) -> None:
    assert split_called(word, ["train", "val", "test"]) == SPLIT_NAMES[word]
    assert list_split(word) == SPLIT_NAMES[word] == split_of(word.title())


def test_two_that_could_be_meant_are_none() -> None:
    assert split_called("valid", ["validation", "val"]) is None
    assert split_called("validation", ["validation", "val"]) == "validation"
    assert split_called("val", ["train", "Validation"]) == "Validation"


def test_the_line_names_both() -> None:
    assert split_line("--val-split", "valid", ["val"]) == (
        "--val-split valid: the split is called val here"
    )
    assert split_line("--val-split", "val", ["val"]) == split_line("--x", "nope", ["val"]) == ""
