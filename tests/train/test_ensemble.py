"""What several models say together, by hand, and that one alone is that one."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.train.evaluation.ensemble import (
    Ensemble,
    combine,
    fit_weights,
    mean_of_probabilities,
)
from headrace.train.evaluation.outcome import Outcome
from tests.train.test_scores import drawn, outcome_of

LABELS = [0, 1, -1]


def members() -> list[Outcome]:
    """Three models on three samples of three classes; one sample has no label."""
    shares = (
        [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]],
        [[0.5, 0.4, 0.1], [0.9, 0.05, 0.05], [0.3, 0.4, 0.3]],
        [[0.01, 0.98, 0.01], [0.3, 0.6, 0.1], [0.5, 0.3, 0.2]],
    )
    return [outcome_of(np.log(np.array(p)), LABELS) for p in shares]


def probabilities(outcome: Outcome) -> np.ndarray:
    found: np.ndarray = torch.from_numpy(outcome.logits).double().softmax(1).numpy()
    return found


def test_the_mean_of_probabilities() -> None:
    three = members()
    both = combine(three, "probs")
    mean = np.mean([probabilities(member) for member in three], 0)
    assert probabilities(both) == pytest.approx(mean, abs=1e-6)
    assert both.predicted.tolist() == mean.argmax(1).tolist() == [1, 0, 2]
    assert both.confidence == pytest.approx(mean.max(1), abs=1e-6)
    assert both.loss == pytest.approx([-np.log(mean[0, 0]), -np.log(mean[1, 1]), 0], abs=1e-6)
    assert both.labels.tolist() == LABELS and both.indices.tolist() == [0, 1, 2]


def test_the_mean_of_logits_is_another() -> None:
    three = members()
    both = combine(three, "logits")
    assert both.logits == pytest.approx(np.mean([m.logits for m in three], 0), abs=1e-6)
    assert both.predicted.tolist() == [1, 0, 2]
    assert not np.allclose(probabilities(both), probabilities(combine(three, "probs")))


def test_votes_outweigh_one_that_is_sure_and_the_mean_decides_ties() -> None:
    three = members()
    voted = combine(three, "votes")
    assert voted.predicted.tolist() == [0, 1, 2]  # of the last, each names another
    mean = np.mean([probabilities(member) for member in three], 0)
    votes = np.array([[2, 1, 0], [1, 2, 0], [1, 1, 1]])
    assert probabilities(voted) == pytest.approx((votes + mean) / 4, abs=1e-6)
    assert np.isfinite(voted.loss).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_who_has_the_most_votes_always_wins(seed: int, count: int) -> None:
    labels = drawn(seed, 40, 4).labels
    several = [outcome_of(drawn(seed + i, 40, 4).logits * 9, labels) for i in range(count)]
    votes = np.stack([np.eye(4, dtype=int)[m.predicted] for m in several]).sum(0)
    won = votes[np.arange(40), combine(several, "votes").predicted]
    assert (won == votes.max(1)).all()


@pytest.mark.parametrize("way", get_args(Ensemble))
def test_an_ensemble_of_one_is_that_one(way: Ensemble) -> None:
    one = members()[0]
    assert combine([one], way) is one


@pytest.mark.parametrize("way", ["probs", "logits"])
def test_an_ensemble_of_the_same_says_the_same(way: Ensemble) -> None:
    one = members()[0]
    same = combine([one, one, one], way)
    assert same.predicted.tolist() == one.predicted.tolist()
    assert probabilities(same) == pytest.approx(probabilities(one), abs=1e-6)


def test_weights_are_those_of_the_smallest_loss() -> None:
    good, bad = drawn(0, 400, 4, skill=2.0), drawn(0, 400, 4, skill=2.0)
    bad = outcome_of(np.random.default_rng(1).normal(size=bad.logits.shape), bad.labels)
    other = outcome_of(good.logits + np.random.default_rng(2).normal(size=(400, 4)), good.labels)
    weights = fit_weights([good, bad, other])
    assert sum(weights) == pytest.approx(1) and min(weights) >= 0

    def loss(shares: list[float]) -> float:
        return float(combine([good, bad, other], "fitted", shares).loss.mean())

    best = loss(weights)
    assert best <= loss([1 / 3] * 3) and best <= loss([1.0, 0.0, 0.0])
    for step in (0.02, -0.02):
        for one, two in ((0, 1), (1, 2), (0, 2)):
            moved = list(weights)
            moved[one], moved[two] = moved[one] + step, moved[two] - step
            if min(moved) >= 0:
                assert best <= loss(moved) + 1e-7


def test_who_is_never_right_gets_no_weight() -> None:
    right = outcome_of(np.eye(2)[[0, 1, 0]] * 8, [0, 1, 0])
    wrong = outcome_of(np.eye(2)[[1, 0, 1]] * 8, [0, 1, 0])
    assert fit_weights([wrong, right]) == pytest.approx([0, 1], abs=1e-6)
    assert combine([wrong, right], "fitted", [0.0, 1.0]).predicted.tolist() == [0, 1, 0]


def test_half_for_the_image_and_the_rest_shared() -> None:
    views = [torch.from_numpy(member.logits) for member in members()]
    mean = mean_of_probabilities(views, [0.5, 0.25, 0.25]).exp().numpy()
    first, second, third = (probabilities(member) for member in members())
    assert mean == pytest.approx(0.5 * first + 0.25 * second + 0.25 * third, abs=1e-6)
    assert mean_of_probabilities(views[:1], [1.0]) is views[0]
