"""Intervals of shares, and the test of two models, against others' numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.train.reporting.intervals import mcnemar, wilson


@pytest.mark.parametrize(
    ("right", "count", "expected"),
    [
        (10, 10, (0.7225, 1.0)),  # statsmodels' proportion_confint(method="wilson")
        (0, 10, (0.0, 0.2775)),
        (50, 100, (0.4038, 0.5962)),
        (0, 0, (0.0, 1.0)),
    ],
)
def test_wilson_as_published(right: int, count: int, expected: tuple[float, float]) -> None:
    assert wilson(right, count) == pytest.approx(expected, abs=1e-4)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_an_interval_holds_its_share(count: int, share: float) -> None:
    right = round(share * count)
    low, high = wilson(right, count)
    assert 0 <= low <= right / count + 1e-12 and right / count - 1e-12 <= high <= 1
    assert high - low <= 0.8  # that of one sample


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (10, 0, 2 / 1024),
        (9, 1, 22 / 1024),
        (100, 8, 1.2e-20),  # scipy's binomtest(8, 108).pvalue, about
    ],
)
def test_mcnemar_is_the_exact_binomial_test(one: int, other: int, expected: float) -> None:
    if expected > 1e-6:
        assert mcnemar(one, other) == pytest.approx(expected)
    assert mcnemar(one, other) == mcnemar(other, one)
    assert mcnemar(100, 8) < 1e-15


def test_many_samples_do_not_overflow() -> None:
    assert mcnemar(40_000, 60_000) == pytest.approx(0.0, abs=1e-12)
    assert mcnemar(50_000, 50_100) == pytest.approx(0.75, abs=0.05)
