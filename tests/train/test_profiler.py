"""--profile: a trace of a few steps, small however long the run is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from headrace.train.hooks.profiler import RECORDED_STEPS
from headrace.train.run import run_training
from tests.train.tiny_runs import assert_same_run, settings


def events(folder: Path, name: str) -> list[dict[str, Any]]:
    """The trace's events of that name on the host."""
    with gzip.open(folder / "trace.json.gz") as file:
        found = json.load(file)["traceEvents"]
    return [e for e in found if e.get("name") == name and e.get("cat") == "user_annotation"]


@pytest.mark.parametrize(("epochs", "limit"), [(3, 0), (1, 2)])
def test_a_few_steps_are_recorded_with_their_phases(
    epochs: int, limit: int, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    changes = {"epochs": epochs, "limit_batches": limit}
    run_training(settings(data, folder, **changes, profile=True))
    steps = limit or RECORDED_STEPS
    for phase in ("data", "augment", "step"):
        assert len(events(folder, phase)) == pytest.approx(steps, abs=1)
    assert f"profile: {steps} steps in {folder}/trace.json.gz (" in capsys.readouterr().out
    assert (folder / "trace.json.gz").stat().st_size < 5 * 2**20


def test_it_changes_nothing_of_the_run(data: Path, tmp_path: Path) -> None:
    for name, switch in (("a", False), ("b", True)):
        run_training(settings(data, tmp_path / name, profile=switch))
    assert not (tmp_path / "a/trace.json.gz").exists()
    assert_same_run(tmp_path / "a", tmp_path / "b", ("out", "profile"))
