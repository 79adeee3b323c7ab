"""Columns and lines for a terminal: nothing is wider than asked, and what is cut shows its end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.tools.packing.text_table import aligned, cut_in_the_middle, joined, titled, wrapped

NAMES = st.lists(st.text("ab/_.", min_size=1, max_size=40), min_size=1, max_size=3)


@given(NAMES, st.integers(16, 100), st.integers(0, 10**6))
def test_names_fill_their_room_and_no_more(names: list[str], room: int, hidden: int) -> None:
    text = joined(names, room + 20, len(names) + hidden)
    assert len(text) <= room + 20
    first = text.split(",")[0].split(" and ")[0]
    assert names[0].startswith(first) or (first[:3] == "..." and names[0].endswith(first[3:]))


def test_how_many_are_not_shown() -> None:
    names = ["train/a/0001.jpg", "train/a/0002.jpg", "train/a/0003.jpg"]
    assert joined(names, None, 3) == ", ".join(names)
    assert joined(names, None, 9).endswith("0003.jpg and 6 more")
    assert joined(names, 44, 9) == "train/a/0001.jpg and 8 more"
    assert joined(names, 40, 9, more=False) == "train/a/0001.jpg, train/a/0002.jpg"
    assert joined(names[:1], 16, 1) == names[0]
    assert joined(["x" * 30 + ".jpg"], 16, 1) == "...xxxxxxxxx.jpg"


@pytest.mark.parametrize("width", [80, 100])
def test_sentences_hang_behind_their_title(width: int) -> None:
    lines = titled("taken", ["word " * 40, "  deeper " + "word " * 30], width)
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("  taken        word")
    assert all(line.startswith(" " * 15) for line in lines[1:])
    assert any(line.startswith(" " * 17 + "deeper") for line in lines)


def test_without_a_width_every_line_is_whole() -> None:
    assert wrapped("word " * 40, None, 2) == ["  " + "word " * 40]
    assert titled("taken", [], 80) == []


def test_both_ends_of_a_class_name_stay() -> None:
    assert cut_in_the_middle("Arla-Natural-Mild-Low-Fat-Yoghurt", 20) == "Arla-Natu...-Yoghurt"
    assert cut_in_the_middle("short", 20) == "short"


def test_columns_are_aligned() -> None:
    rows = [["", "train", "val"], ["a", "1", "20"], ["long", "300", "4"]]
    assert aligned(rows, ["such as", "x.jpg", ""]) == [
        "        train  val  such as",
        "  a         1   20  x.jpg",
        "  long    300    4",
    ]
