"""Reading list files into tables, and finding what their entries name."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.finding import (
    ELSEWHERE,
    NAME,
    NUMBER,
    PATH,
    STEM,
    TAIL,
    Finder,
)
from headrace.pipeline.layouts.lists.path_column import fit_of_rows
from headrace.pipeline.layouts.lists.tables import Table, read_table

_CELLS = st.text("abcé ,;'\"0129.|-", min_size=1, max_size=8).map(str.strip).filter(bool)


def _read(path: Path, images: list[str], encoding: str | None = None) -> Table:
    finder = Finder(images)
    return read_table(path, path.name, "", lambda rows: fit_of_rows(finder, "", rows), encoding)


@given(
    cells=st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=12),
    mark=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252")),
    end=st.sampled_from(("\n", "\r\n", "\r")),
)
def test_a_table_comes_back_as_it_was_written(
    cells: list[tuple[str, str]], mark: str, encoding: str, end: str
) -> None:
    rows = [(f"img_{i}.jpg", *pair) for i, pair in enumerate(cells)]
    text = io.StringIO()
    csv.writer(text, delimiter=mark, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.csv"
        path.write_bytes(text.getvalue().encode(encoding))
        table = _read(path, [row[0] for row in rows], "cp1252")
    assert [tuple(row) for row in table.rows] == rows


_PLAIN = st.text("abcé ,;|'\"", min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.lists(st.tuples(_PLAIN, st.integers(0, 99)), min_size=2, max_size=12))
def test_spaces_within_quotes_separate_nothing(cells: list[tuple[str, int]]) -> None:
    rows = [(f"img {i}.jpg", name, str(number)) for i, (name, number) in enumerate(cells)]
    text = io.StringIO()
    csv.writer(text, delimiter=" ", lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.txt"
        path.write_text(text.getvalue())
        table = _read(path, [row[0] for row in rows])
    assert [tuple(row) for row in table.rows] == rows


@pytest.mark.parametrize("mark", ["\t", ","])
def test_a_lone_quote_swallows_no_rows(mark: str, tmp_path: Path) -> None:
    rows = [[f"a{i}.jpg", name] for i, name in enumerate(["cat", '"c d', '"e f"', "dog"] * 3)]
    (tmp_path / "x.csv").write_text("".join(mark.join(row) + "\n" for row in rows))
    table = _read(tmp_path / "x.csv", [row[0] for row in rows])
    expected = [[name, "e f" if label == '"e f"' else label] for name, label in rows]
    assert table.rows == expected


def test_whole_lines_in_quotes_have_cells(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(
        "".join(f'"a{i}.jpg {"cat dog".split()[i % 2]}"\n' for i in range(6))
    )
    table = _read(tmp_path / "x.txt", [f"a{i}.jpg" for i in range(6)])
    assert table.rows == [[f"a{i}.jpg", ["cat", "dog"][i % 2]] for i in range(6)]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("a.jpg men's shirts", ["a.jpg", "men's", "shirts"]),
        ('5".jpg 12"', ['5".jpg', '12"']),
        ("'til.jpg cat", ["'til.jpg", "cat"]),
        ("'a b.jpg' 'it''s'", ["a b.jpg", "it's"]),
        ('a.jpg "b', ["a.jpg", '"b']),
    ],
)
def test_marks_inside_words_are_no_quotes(line: str, cells: list[str], tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(line + "\n")
    assert _read(tmp_path / "x.txt", [cells[0]]).rows == [cells]


@pytest.mark.parametrize("line", ["not json", "[1, 2]"])
def test_json_lines_that_are_none(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.jsonl").write_text(line + "\n")
    with pytest.raises(ConfigError, match="has a line that is no JSON"):
        _read(tmp_path / "x.jsonl", ["a.jpg"])


_IMAGES = ["train/cats/1.jpg", "train/cats/2.JPG", "train/dogs/1.jpg", "test/007.png", "ü.jpg"]


@pytest.mark.parametrize(
    ("entry", "form", "paths"),
    [
        ("train/cats/1.jpg", PATH, ["train/cats/1.jpg"]),
        ("./train\\cats\\1", PATH, ["train/cats/1.jpg"]),
        ("gs://bucket/train/cats/2.JPG", TAIL, ["train/cats/2.JPG"]),
        ("cats/2.jpg", TAIL, ["train/cats/2.JPG"]),
        ("2.JPG", NAME, ["train/cats/2.JPG"]),
        ("1.jpg", NAME, ["train/cats/1.jpg", "train/dogs/1.jpg"]),
        ("2", STEM, ["train/cats/2.JPG"]),
        ("7", NUMBER, ["test/007.png"]),
        ("7.0", NUMBER, ["test/007.png"]),
        ("else/007.png", ELSEWHERE, ["test/007.png"]),
        ("u\u0308.jpg", NAME, ["ü.jpg"]),
        ("dogs/2.jpg", "", []),
        ("train/007.png", "", []),
        ("validation/x/007.png", "", []),
        ("", "", []),
        ("8", "", []),
    ],
)
def test_what_entries_mean(entry: str, form: str, paths: list[str]) -> None:
    place = Finder(_IMAGES).find(entry)
    assert (place.form, sorted(place.paths)) == (form, paths)


def test_the_folder_of_the_list_comes_first() -> None:
    finder = Finder(["0.jpg", "train/0.jpg"])
    assert finder.find("0.jpg", "train/").paths == ("train/0.jpg",)
    assert finder.find("0.jpg").paths == ("0.jpg",)


_NAMES = st.text("ab1_é.", min_size=1, max_size=5).filter(lambda text: set(text) != {"."})


@given(st.lists(st.lists(_NAMES, min_size=1, max_size=3).map("/".join), min_size=1, unique=True))
@example(["ab.1b", "ab"])
@example(["ab", "ab.1b"])
def test_every_path_means_itself(paths: list[str]) -> None:
    finder = Finder(paths)
    for path in paths:
        place = finder.find(path)
        assert path in place.paths
        assert len(place.paths) == 1 or place.form != PATH


@pytest.mark.parametrize("front", ["", "/data/", "C:\\data\\"])
def test_folders_above_the_last_are_believed_too(front: str) -> None:
    finder = Finder(["a/img/1.jpg", "b/img/1.jpg", "b/img/2.jpg", "c/3.jpg"])
    for entry in ("a/img/2.jpg", "a/img/2", "A/img/2.jpg"):  # of b alone
        assert finder.find(front + entry).paths == ()
    assert finder.find(f"{front}b/img/2.jpg").paths == ("b/img/2.jpg",)
    assert finder.find(f"{front}set/b/img/2.jpg").paths == ("b/img/2.jpg",)
    assert finder.find(f"{front}old/img/2.jpg") == (("b/img/2.jpg",), ELSEWHERE)


def test_an_entry_s_folder_that_is_there_is_believed_with_another_inside() -> None:
    finder = Finder(["cats/1.jpg", "dogs/2.jpg"])
    assert finder.find("cats/small/1.jpg").paths == ("cats/1.jpg",)
    assert finder.find("cats/small/2.jpg").paths == ()
    assert finder.find("old/small/2.jpg").paths == ("dogs/2.jpg",)
    assert finder.find("/home/cats/small/2.jpg").paths == ("dogs/2.jpg",)


@pytest.mark.parametrize("name", ["#{}.jpg", "#here/{}.jpg", "im/#{}.jpg"])
def test_names_that_begin_with_the_mark_of_comments(tmp_path: Path, name: str) -> None:
    names = [name.format(f"x{i}") for i in range(2)] + [f"im/{i}.jpg" for i in range(8)]
    rows = [[name.removeprefix("im/"), str(i % 2)] for i, name in enumerate(names)]
    comments = ["#made by hand", "#im/3.jpg,1", "#7.jpg,1"]
    lines = [",".join(row) for row in rows]
    (tmp_path / "x.csv").write_text("\n".join(comments[:1] + lines + comments[1:]))
    table = _read(tmp_path / "x.csv", names)
    assert table.rows == rows
    assert list(table.comments) == comments


def _labelled(folder: Path, label: str, mark: str) -> Table:
    labels = ["a", "b", "b", label] * 2
    names = [f"{i}.jpg" for i in range(8)]
    rows = zip(labels, names, strict=True)
    (folder / "x.txt").write_text("".join(f"{label}{mark}{name}\n" for label, name in rows))
    return _read(folder / "x.txt", names)


@pytest.mark.parametrize("mark", [",", " ", "\t"])
@pytest.mark.parametrize(("label", "num_comments"), [('"#c"', 0), ("# c", 2), ("#a", 2)])
def test_lines_that_begin_with_the_mark_of_comments(
    label: str, num_comments: int, mark: str, tmp_path: Path
) -> None:
    table = _labelled(tmp_path, label, mark)
    assert len(table.comments) == num_comments == 8 - len(table.rows)


@pytest.mark.parametrize("mark", [",", " ", "\t"])
def test_labels_that_begin_so_are_a_question(mark: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is '#c.+3.jpg' a row, whose label begins"):
        _labelled(tmp_path, "#c", mark)


@pytest.mark.parametrize(
    ("base", "entry", "paths"),
    [
        ("", "a/../1.jpg", ["1.jpg"]),
        ("a/", "../1.jpg", ["1.jpg"]),
        ("a/", "./1.jpg", ["a/1.jpg"]),
        ("a/", "..\\b\\1.jpg", ["b/1.jpg"]),
        ("a/", "../2.jpg", []),
        ("a/", "../b/2", []),
        ("a/", "../c/2.jpg", ["a/2.jpg"]),
        ("", "../b/1.jpg", ["b/1.jpg"]),
        ("a/", "../../b/1.jpg", ["b/1.jpg"]),
    ],
)
def test_entries_that_lead_up(base: str, entry: str, paths: list[str]) -> None:
    finder = Finder(["1.jpg", "a/1.jpg", "a/2.jpg", "b/1.jpg", "lists/b/1.jpg"])
    assert finder.find(entry, base).paths == tuple(paths)


@pytest.mark.parametrize(
    ("entry", "paths"),
    [
        ("im/a%20b.jpg", ["im/a b.jpg"]),
        ("im/caf%C3%A9.jpg", ["im/café.jpg"]),
        ("im/c%20d.jpg", ["im/c%20d.jpg", "im/c d.jpg"]),
        ("im/100%.jpg", ["im/100%.jpg"]),
    ],
)
def test_entries_as_addresses_write_them(entry: str, paths: list[str]) -> None:
    finder = Finder(["im/a b.jpg", "im/café.jpg", "im/c%20d.jpg", "im/c d.jpg", "im/100%.jpg"])
    assert finder.find(entry).paths == tuple(paths)
