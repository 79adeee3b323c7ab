"""Where the time of a run goes, and how that is said."""

from __future__ import annotations

import time

import pytest
import torch

from headrace.train.clock import Clock, Lap, difference, spell
from headrace.train.display import report
from headrace.train.progress import Progress


def test_clock_adds_up_over_sessions() -> None:
    clock = Clock(torch.device("cpu"), {"data": 5.0, "total": 60.0})
    before = clock.snapshot()
    with clock.phase("data"):
        time.sleep(0.01)
    spent = difference(clock.snapshot(), before)
    assert spent["data"] > 0
    assert spent["step"] == 0
    assert clock.seconds["data"] > 5
    assert clock.total > 60


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.21, "3.2 s"), (192, "3 min 12 s"), (3725, "1 h 02 min")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert spell(seconds) == text


def test_report_says_accuracy_time_and_where_it_went() -> None:
    seconds = {"data": 2, "augment": 10, "step": 150, "evaluate": 20, "save": 8, "total": 192.0}
    progress = Progress(epoch=20, best_score=0.8123, best_epoch=16)
    first, second = report(progress, seconds, True, "val").splitlines()
    assert first == "best val accuracy 0.8123 (epoch 17), total 3 min 12 s, data wait 1.0%"
    assert second.startswith("time: data wait 1.0%, augment 5.2%, step 78.1%, evaluation 10.4%")
    assert "nothing held out" in report(progress, seconds, False, "val")


def test_a_lap_goes_on_in_another_session() -> None:
    clock = Clock(torch.device("cpu"), {"save": 2.0, "total": 60.0})
    lap = Lap(clock)
    lap.begin()
    resumed = Clock(torch.device("cpu"), {"save": 5.0, "total": 70.0})
    again = Lap(resumed)
    again.load_state_dict(lap.state_dict())
    assert again.spent()["save"] == 3.0
    assert again.spent()["total"] > 9
