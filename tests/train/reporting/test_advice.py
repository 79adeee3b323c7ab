"""What is advised of which run; a rule says what it saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.train.reporting.advice import SHOWN, advise
from headrace.train.reporting.asked import ReportConfig
from headrace.train.reporting.elements import Advice
from headrace.train.reporting.page import _typed
from headrace.train.reporting.run_log import read_run
from headrace.train.reporting.subject import Subject
from tests.train.reporting.made_up_runs import epochs, write_folder

SECONDS = {"data": 1.0, "augment": 1.0, "step": 7.0, "evaluate": 0.5, "save": 0.5, "total": 10.0}


def advice(
    folder: Path, values: list[float], train: float = 0.9, end: bool = True, **changes: Any
) -> dict[str, Advice]:
    """Of a run with these accuracies and this last training accuracy, by what is advised."""
    seconds = {**SECONDS, **changes.pop("seconds", {})}
    rows = epochs(list(values))
    rows[-1]["train_accuracy"] = train
    rows += [{"kind": "end", "seconds": seconds}] if end else []
    write_folder(folder, rows, epochs=changes.pop("epochs", len(values)), **changes)
    log = read_run(folder)
    found = advise(Subject(log=log, asked=ReportConfig(), judged=None, records=None))
    assert len(found) <= SHOWN
    return {item.what: item for item in found}


def test_a_run_that_still_gets_better_is_trained_longer(tmp_path: Path) -> None:
    folder = tmp_path / "a run"
    found = advice(folder, [0.2, 0.4, 0.6, 0.8])
    assert found["Train longer"].command.endswith(f"--resume '{folder}' --epochs 8")
    assert "20.0 points" in found["Train longer"].why
    assert "Train longer" not in advice(tmp_path / "flat", [0.2, 0.8, 0.8, 0.8])


def test_what_is_learnt_by_heart_is_not_trained_longer(tmp_path: Path) -> None:
    rising = [0.1, 0.2, 0.3, 0.38]
    found = advice(tmp_path / "far", rising, train=0.93)
    assert next(iter(found)) == "Make learning by heart harder" and "Train longer" not in found
    both = list(advice(tmp_path / "near", rising, train=0.55))
    assert both[:2] == ["Make learning by heart harder", "Train longer"]


def test_a_run_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    found = advice(tmp_path / "run", [0.2, 0.4], end=False, epochs=9)
    assert next(iter(found)) == "Let it finish"
    assert "2 of 9 epochs" in found["Let it finish"].why


@pytest.mark.parametrize(("recipe", "stronger"), [("none", "report"), ("trivial", "strong")])
def test_learning_by_heart(recipe: str, stronger: str, tmp_path: Path) -> None:
    found = advice(tmp_path / "run", [0.5, 0.6, 0.6], train=0.99, recipe=recipe)
    why = found["Make learning by heart harder"].why
    assert f"`--recipe {stronger}`" in why and "99.0%" in why and "60.0%" in why


def test_learning_too_little(tmp_path: Path) -> None:
    assert "Give it more to learn with" in advice(tmp_path / "run", [0.5] * 4, train=0.5)
    assert "Give it more to learn with" not in advice(tmp_path / "good", [0.9] * 4, train=0.92)


def test_waiting_for_data(tmp_path: Path) -> None:
    found = advice(tmp_path / "run", [0.5] * 4, seconds={"data": 4.0})
    assert "40% of the time" in found["Feed it faster"].why
    assert "Feed it faster" not in advice(tmp_path / "fast", [0.5] * 4, seconds={"data": 0.2})


def test_what_is_to_be_typed_is_code_and_all_is_escaped() -> None:
    assert str(_typed("a <b> `--c <d>` e")) == "a &lt;b&gt; <code>--c &lt;d&gt;</code> e"
