"""Places of levels at the edges of what they may be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.containers.level_table import LEVEL, check_levels, without_empty
from headrace.pipeline.errors import RecordsError

PATH = Path("/data/food.beton")


def table(*rows: list[tuple[int, int]]) -> np.ndarray:
    return np.array(list(rows), LEVEL)


def test_levels_may_fill_the_room_there_is() -> None:
    entries = table([(100, 50), (0, 0)], [(149, 1), (100, 1)])
    found = check_levels(entries, np.array([True, True]), 100, 150, PATH)
    assert found.stored.tolist() == [[True, False], [True, True]]
    assert found.ptrs.tolist() == [[100, 0], [149, 100]]
    assert found.sizes.tolist() == [[50, 0], [1, 1]]
    check_levels(entries, np.array([True, True]), 100, np.array([150, 150]), PATH)
    assert check_levels(table([(0, 150)]), np.array([True]), 0, 150, PATH).sizes.tolist() == [[150]]


@pytest.mark.parametrize(
    ("row", "is_jpeg"),
    [
        ([(0, 0), (99, 1)], True),
        ([(0, 0), (100, 51)], True),
        ([(0, 0), (101, 50)], True),
        ([(0, 0), (151, 1)], True),
        ([(0, 0), (120, 0)], True),
        ([(0, 0), (1, 0)], True),
        ([(0, 0), (0, 5)], True),
        ([(0, 0), (100, 1)], False),
        ([(0, 0), (2**64 - 1, 2)], True),
    ],
)
def test_a_level_that_lies_elsewhere_is_named(row: list[tuple[int, int]], is_jpeg: bool) -> None:
    entries = table([(0, 0), (0, 0)], row)
    with pytest.raises(RecordsError, match="damaged at level 2 of sample 1: "):
        check_levels(entries, np.array([True, is_jpeg]), 100, 150, PATH)


def test_of_several_the_first_is_named() -> None:
    entries = table([(0, 0), (0, 0)], [(0, 0), (99, 1)], [(98, 1), (97, 1)])
    with pytest.raises(RecordsError, match="level 2 of sample 1: 1 bytes at 99 cannot"):
        check_levels(entries, np.ones(3, bool), 100, 150, PATH)


def test_each_sample_has_an_end_of_its_own() -> None:
    entries = table([(100, 50)], [(100, 50)])
    with pytest.raises(RecordsError, match="damaged at level 1 of sample 1: 50 bytes at 100"):
        check_levels(entries, np.array([True, True]), 100, np.array([150, 149]), PATH)


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_there_are_one_to_four(count: int) -> None:
    entries = np.zeros((2, count), LEVEL)
    if 1 <= count <= 4:
        assert check_levels(entries, np.ones(2, bool), 0, 9, PATH).stored.shape == (2, count)
    else:
        with pytest.raises(RecordsError, match=f"has {count} levels, expected 1 to 4"):
            check_levels(entries, np.ones(2, bool), 0, 9, PATH)


def test_columns_that_nobody_uses_are_left_out_at_the_end() -> None:
    none, some = (0, 0), (9, 1)
    assert without_empty(table([none, some, none], [none, none, none])).shape == (2, 2)
    assert without_empty(table([some, none])).shape == (1, 1)
    assert without_empty(table([none, none])).shape == (1, 0)
