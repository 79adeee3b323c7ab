"""Lists that spell images in another case than their files."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.layouts.lists.finding import Finder, spelled
from tests.pipeline.small_trees import labels_of, sizes_of, write_tree

_NFD = unicodedata.normalize("NFD", "é.jpg")


@pytest.mark.parametrize("other", ["A.jpg", "a.JPG", "A"])
def test_another_case_is_taken_where_nothing_else_is_meant(tmp_path: Path, other: str) -> None:
    text = f"name,label\n{other},cat\nb.jpg,dog\nc.jpg,cat\n"
    listing = discover(write_tree(tmp_path, ["a.jpg", "b.jpg", "c.jpg"], labels_csv=text))
    assert labels_of(listing) == {"a.jpg": "cat", "b.jpg": "dog", "c.jpg": "cat"}
    assert listing.taken[0].endswith(f", 1 in another case: {other} for a.jpg")


@pytest.mark.parametrize("label", ["cat", "dog"])
@pytest.mark.parametrize("other", ["A.jpg", "a.JPG", "im/A.jpg", "A"])
def test_two_spellings_are_two_images(tmp_path: Path, other: str, label: str) -> None:
    text = f"name,label\n{other},{label}\na.jpg,cat\nb.jpg,dog\nc.jpg,cat\n"
    files = ["im/a.jpg", "im/b.jpg", "im/c.jpg"]
    listing = discover(write_tree(tmp_path, files, labels_csv=text))
    assert labels_of(listing) == {"im/a.jpg": "cat", "im/b.jpg": "dog", "im/c.jpg": "cat"}
    assert [one.name for one in listing.missing] == [other]


def test_so_they_are_in_lists_of_two_splits(tmp_path: Path) -> None:
    lists = {"train_txt": "a.jpg cat\nb.jpg dog\n", "test_txt": "A.jpg cat\nc.jpg dog\n"}
    listing = discover(write_tree(tmp_path, ["a.jpg", "b.jpg", "c.jpg"], **lists))
    assert sizes_of(listing) == {"train": 2, "test": 1}
    assert [one.name for one in listing.missing] == ["A.jpg"]


def test_two_strange_spellings_mean_none(tmp_path: Path) -> None:
    text = "name,label\nAB.jpg,dog\nAb.jpg,cat\nb.jpg,dog\nc.jpg,cat\n"
    listing = discover(write_tree(tmp_path, ["ab.jpg", "b.jpg", "c.jpg"], labels_csv=text))
    assert labels_of(listing) == {"b.jpg": "dog", "c.jpg": "cat"}
    assert [one.name for one in listing.missing] == ["AB.jpg", "Ab.jpg"]


@pytest.mark.parametrize("files", [("ab.jpg", "AB.jpg"), ("Ab.jpg.jpg", "Ab.jpg.png")])
def test_two_files_in_one_folder_are_a_question(tmp_path: Path, files: tuple[str, str]) -> None:
    write_tree(tmp_path, [*files, "b.jpg"], labels_csv="name,label\nAb.jpg,cat\nb.jpg,dog\n")
    with pytest.raises(ConfigError, match="write it in the list as the file is called"):
        discover(tmp_path)


@pytest.mark.parametrize("front", ["", "x/", "/data/x/"])
@pytest.mark.parametrize("extension", ["", ".jpg"])
def test_two_files_that_are_spelled_just_so(front: str, extension: str) -> None:
    finder = Finder(["im/x/a7.jpg", "im/x/A7.jpg"])
    for stem in ("a7", "A7"):
        assert finder.find(f"{front}{stem}{extension}").paths == (f"im/x/{stem}.jpg",)


def test_two_forms_of_one_name_in_unicode_are_two_files() -> None:
    finder = Finder([f"im/{_NFD}", "im/é.jpg", f"im/b{_NFD}"])
    assert finder.find("im/é.jpg").paths == finder.find("é.jpg", "im/").paths == ("im/é.jpg",)
    assert finder.find(f"im/{_NFD}").paths == (f"im/{_NFD}",)
    assert finder.find("im/bé.jpg").paths == (f"im/b{_NFD}",)


@pytest.mark.parametrize("front", ["", "/data/"])
def test_a_folder_that_is_there_in_that_case_is_believed(front: str) -> None:
    finder = Finder(["D/2.jpg", "d/1.jpg", "e/3.jpg"])
    assert finder.find(f"{front}D/1.jpg").paths == ()
    assert finder.find(f"{front}E/3.jpg").paths == ("e/3.jpg",)


@pytest.mark.parametrize(
    ("entry", "path", "expected"),
    [
        ("X:\\D\\A.JPG", "d/a.jpg", "D/A.JPG"),
        ("A%20b", "x/a b.jpg", "x/A b.jpg"),
        ("7", "007.jpg", "007.jpg"),
        ("./é.jpg", f"X/{_NFD}", f"X/{_NFD}"),
        ("else/A.jpg", "x/a.jpg", "x/A.jpg"),
    ],
)
def test_how_entries_spell_an_image(entry: str, path: str, expected: str) -> None:
    assert spelled(entry, path) == expected
