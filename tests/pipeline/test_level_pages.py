"""Pages of levels: which are full when, and what the tables say of them."""

from __future__ import annotations

from io import BytesIO

from headrace.pipeline.containers.level_pages import LevelPages
from headrace.pipeline.levels import MAX_LEVELS


def test_levels_that_just_fill_a_page_share_it() -> None:
    pages = LevelPages(3)
    pages.add(0, [b"a" * 6, b"0"], 10)
    pages.add(1, [b"b" * 4], 10)
    assert pages.full() == []
    pages.add(2, [b"c"], 10)
    (full,) = pages.full()
    assert (full.level, full.indices, full.num_bytes) == (0, [0, 1], 10)
    assert pages.full() == []
    assert [(page.level, page.indices) for page in pages.rest()] == [(0, [2]), (1, [0])]


def test_full_pages_come_in_the_order_in_which_they_were_filled() -> None:
    pages = LevelPages(3)
    for index in range(3):
        pages.add(index, [b"half", b"quar"], 4)
    assert [(page.level, page.indices) for page in pages.full()] == [
        (0, [0]), (1, [0]), (0, [1]), (1, [1])
    ]  # fmt: skip


def test_a_page_is_written_side_by_side() -> None:
    pages, file = LevelPages(3), BytesIO()
    for index, data in enumerate((b"aaa", None, b"c")):
        pages.add(index, [data], 10)
    (page,) = pages.rest()
    assert pages.write(file, 20, page) == 24
    assert file.getvalue() == bytes(20) + b"aaac"
    entries, _ = pages.tables(3)
    assert entries.tolist() == [[(20, 3)], [(0, 0)], [(23, 1)]]


def test_there_may_be_as_many_levels_as_can_be_read() -> None:
    pages = LevelPages(1)
    pages.add(0, [b"x"] * MAX_LEVELS, 10)
    assert [page.level for page in pages.rest()] == list(range(MAX_LEVELS))


def test_checksums_are_of_the_levels_that_there_are() -> None:
    """The last of two sizes is left out of every sample."""
    pages, file = LevelPages(3), BytesIO()
    for index in range(3):
        pages.add(index, [b"x", None], 10)
    for page in pages.rest():
        pages.write(file, 0, page)
    entries, sums = pages.tables(3)
    assert entries.shape == sums.shape == (3, 1) and (sums > 0).all()
