"""The learning rate as a function of the step."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.train.schedules.cosine import learning_rate, warmup_length


def rates(total: int, warmup: int, peak: float = 1.0, floor: float = 0.0) -> list[float]:
    return [
        learning_rate(s, total_steps=total, warmup_steps=warmup, peak=peak, floor=floor)
        for s in range(total)
    ]


def test_rises_linearly_then_falls_as_half_a_cosine() -> None:
    curve = rates(total=14, warmup=4)
    assert curve[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert curve[4] == pytest.approx(1.0)
    assert curve[9] == pytest.approx(0.5)
    assert curve[13] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.9)))


def test_reaches_the_floor_one_step_after_the_end() -> None:
    end = learning_rate(10, total_steps=10, warmup_steps=2, peak=3.0, floor=0.5)
    assert end == pytest.approx(0.5)
    assert learning_rate(99, total_steps=10, warmup_steps=2, peak=3.0, floor=0.5) == end


@given(st.integers(1, 300), st.floats(0, 40), st.floats(1e-6, 10))
def test_every_step_moves_and_none_exceeds_the_peak(total: int, epochs: float, peak: float) -> None:
    warmup = warmup_length(epochs, 10, total)
    curve = rates(total, warmup, peak)
    assert 0 <= warmup <= total // 2
    assert all(0 < rate <= peak * (1 + 1e-12) for rate in curve)
    assert curve[warmup:] == sorted(curve[warmup:], reverse=True)
    assert max(curve) == pytest.approx(peak)


def test_no_warm_up_starts_at_the_peak() -> None:
    assert rates(total=5, warmup=0)[0] == 1.0
