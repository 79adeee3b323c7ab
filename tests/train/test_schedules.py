"""The learning rate as a function of the step."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.train.schedules import SCHEDULES, cosine
from headrace.train.schedules.build import build_schedule, run_span
from headrace.train.schedules.span import Span
from headrace.train.schedules.warmup import Warmed, warmup_length
from headrace.train.settings.config import OptimConfig


def rates(total: int, warmup: int, peak: float = 1.0, floor: float = 0.0) -> list[float]:
    return [
        learning_rate(s, total_steps=total, warmup_steps=warmup, peak=peak, floor=floor)
        for s in range(total)
    ]


def learning_rate(
    step: int, *, total_steps: int, warmup_steps: int, peak: float, floor: float = 0.0
) -> float:
    """Of the cosine behind its warm-up."""
    span = Span(peak=peak, steps_per_epoch=1, total_steps=total_steps, warmup_steps=warmup_steps)
    after = cosine.build(cosine.Settings(min_lr=floor), span)
    return Warmed(after=after, warmup_steps=warmup_steps)(step)


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


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_stays_between_nothing_and_the_peak(name: str) -> None:
    config = OptimConfig(schedule=name, epochs=4, lr=0.5, warmup_epochs=0.5)
    rate = build_schedule(config, run_span(config, steps_per_epoch=10))
    curve = [rate(step) for step in range(40)]
    assert all(0 < value <= 0.5 for value in curve)
    assert curve == [rate(step) for step in range(40)]


def test_a_run_s_schedule_is_the_cosine_over_all_its_epochs() -> None:
    config = OptimConfig(epochs=3, lr=0.25, warmup_epochs=0.5)
    rate = build_schedule(config, run_span(config, steps_per_epoch=8))
    for step in range(24):
        assert rate(step) == learning_rate(step, total_steps=24, warmup_steps=4, peak=0.25)


def test_a_warm_up_begins_where_its_run_does() -> None:
    rate = Warmed(after=lambda step: 10.0 + step, warmup_steps=2, first_step=5)
    assert [rate(step) for step in (0, 5, 6, 7, 8)] == [6.0, 6.0, 12.0, 12.0, 13.0]


def test_a_run_that_is_all_warm_up_has_a_step_behind_it() -> None:
    span = Span(peak=1.0, steps_per_epoch=2, total_steps=4, warmup_steps=4)
    assert [span.done(step) for step in (4, 5, 6)] == [0.0, 1.0, 1.0]


def test_a_warm_up_takes_half_of_a_run_at_most() -> None:
    assert [warmup_length(0.34, 10, total) for total in (100, 6, 5)] == [3, 3, 2]
    assert [warmup_length(50.0, 10, total) for total in (1, 2, 9, 10)] == [0, 1, 4, 5]
