"""Shares and folds that an expression draws: stratified, seeded, of any selection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.drawn_parts import read_draw
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.selection import Known, is_expression, select
from headrace.pipeline.stratified import fold_numbers, in_share

SPLITS = {"train": (0, 60), "val": (60, 90), "odd | 20%, seed 0": (90, 92)}
KNOWN = Known(splits=SPLITS, labels=np.arange(92) % 4)


def chosen(expression: str) -> set[int]:
    return set(select(expression, KNOWN).tolist())


def test_a_share_of_each_class_and_the_rest() -> None:
    held, rest = chosen("train | 20%, seed 3"), chosen("train | all but 20%, seed 3")
    assert held | rest == set(range(60)) and not held & rest
    assert [sum(i % 4 == c for i in held) for c in range(4)] == [3, 3, 3, 3]
    assert held != chosen("train | 20%, seed 4") and held != chosen("train[:20%]")
    assert is_expression("train | 20%, seed 3")


def test_the_draw_is_the_same_for_ever() -> None:
    """A run's config.yaml says only these words; what they mean may never change."""
    assert sorted(chosen("val | 20%, seed 0")) == EVER
    assert fold_numbers(np.zeros(12, int), 3, 5).tolist() == DEALT


EVER = [60, 62, 71, 77, 80, 81]
DEALT = [1, 2, 2, 1, 0, 0, 2, 1, 2, 0, 1, 0]


def test_folds_share_out_any_selection() -> None:
    whole = "train+val-train[:10]"
    folds = [chosen(f"{whole} | fold {k} of 3, seed 1") for k in range(3)]
    assert set.union(*folds) == set(range(10, 90)) and sum(map(len, folds)) == 80
    assert chosen(f"{whole} | all but fold 2 of 3, seed 1") == folds[0] | folds[1]


def test_draws_follow_each_other_and_names_come_first() -> None:
    rest = chosen("train | all but 20%, seed 0")
    assert chosen("train | all but 20%, seed 0 | fold 0 of 2, seed 0") < rest
    assert chosen("odd | 20%, seed 0") == {90, 91}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("train | 20%", r"no split 'train | 20%'; after \| comes '20%, seed 0' or 'fold 0 of 5"),
        ("train | 0%, seed 0", "no 0% to draw: expected above 0 and below 100"),
        ("train | 100%, seed 0", "no 100% to draw"),
        ("train | fold 3 of 3, seed 0", "no fold 3 of 3: folds count from 0, expected 0 to 2"),
        ("train | fold 0 of 1, seed 0", "no fold 0 of 1: expected 2 folds or more"),
        ("train | fold 0 of 0, seed 0", "no fold 0 of 0: expected 2 folds or more"),
        ("tain | 20%, seed 0", "no split 'tain'"),
    ],
)
def test_what_makes_no_sense(expression: str, message: str) -> None:
    with pytest.raises(RecordsError, match=message):
        select(expression, KNOWN)


@given(st.lists(st.integers(-1, 5), max_size=80), st.integers(2, 9), st.integers(0, 2**60))
def test_folds_are_even_in_all_and_in_each_class(
    labels: list[int], num_folds: int, seed: int
) -> None:
    array = np.array(labels, np.int64)
    numbers = fold_numbers(array, num_folds, seed)
    for members in (numbers, *(numbers[array == value] for value in set(labels))):
        counts = np.bincount(members, minlength=num_folds)
        assert len(counts) == num_folds and counts.max() - counts.min() <= 1


@given(st.lists(st.integers(0, 5), max_size=80), st.floats(0.01, 0.99), st.integers(0, 2**60))
def test_a_share_leaves_no_class_of_two_whole(labels: list[int], share: float, seed: int) -> None:
    array = np.array(labels, np.int64)
    drawn = in_share(array, share, seed)
    for value in set(labels):
        members = drawn[array == value]
        if len(members) > 1:
            assert 0 < members.sum() < len(members)
            assert abs(members.sum() - share * len(members)) <= max(1, 0.5)


@pytest.mark.parametrize(
    "text", ["a+b | 12.5%, seed 7", "a | all but 20%, seed 0", "x | fold 1 of 5, seed 9"]
)
def test_a_draw_is_written_as_it_is_read(text: str) -> None:
    draw = read_draw(text)
    assert draw is not None and str(draw) == text
    assert read_draw(str(draw.rest)) == draw.rest != draw
