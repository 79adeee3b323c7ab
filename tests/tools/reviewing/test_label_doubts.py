"""Confident learning on made-up probabilities."""

from __future__ import annotations

import numpy as np

from headrace.tools.reviewing.label_doubts import find_doubts
from headrace.train.trials.out_of_fold import OutOfFold


def found(probabilities: list[list[float]], labels: list[int]) -> OutOfFold:
    count = len(labels)
    return OutOfFold(
        indices=np.arange(count),
        names=np.array([f"{i}.jpg" for i in range(count)]),
        labels=np.array(labels, np.int64),
        fold=np.zeros(count, np.int64),
        probabilities=np.array(probabilities, np.float32),
        classes=np.array(["a", "b", "c"]),
    )


def test_the_lowest_margin_comes_first() -> None:
    doubts = find_doubts(
        found(
            [[0.9, 0.1, 0.0], [0.4, 0.5, 0.1], [0.05, 0.95, 0.0], [0.2, 0.8, 0.0], [0.1, 0.1, 0.8]],
            [0, 0, 0, 1, -1],
        )
    )
    assert doubts.places.tolist() == [2, 1] and doubts.predicted.tolist() == [1, 1]
    assert np.allclose(doubts.margin, [-0.9, -0.1])
    # The mean self-confidence of b is 0.8: only 0.95 is above it.
    assert doubts.confident.tolist() == [True, False]


def test_a_timid_class_asks_for_less() -> None:
    """Where a class is told by 0.4 on average, 0.5 for it is sure."""
    doubts = find_doubts(found([[0.4, 0.5, 0.1], [0.3, 0.4, 0.3], [0.9, 0.1, 0.0]], [0, 1, 0]))
    assert doubts.places.tolist() == [0] and doubts.confident.tolist() == [True]


def test_nothing_is_doubtful_where_all_agree() -> None:
    doubts = find_doubts(found([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]], [0, 1]))
    assert len(doubts.places) == 0
