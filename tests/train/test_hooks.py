"""What watches a run: patience, and the rows that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import headrace.train.hooks.build
from headrace.train.hooks import Hook
from headrace.train.hooks.patience import Patience
from headrace.train.loop import finished
from headrace.train.progress import Progress
from headrace.train.run import run_training
from tests.train.tiny_runs import settings


def test_patience_counts_epochs_without_a_better_accuracy() -> None:
    progress = Progress()
    for accuracy, best in ((0.3, True), (0.2, False), (0.4, True), (0.4, False), (0.1, False)):
        assert not finished(progress, 99, [Patience(2)])
        assert progress.record(accuracy) is best
        progress.next_epoch()
    assert finished(progress, 99, [Patience(2)])
    assert not finished(progress, 99, [Patience(3)])
    assert not finished(progress, 99, [Patience(0)])
    assert finished(progress, 5, [Patience(0)])
    assert (progress.best_score, progress.best_epoch) == (0.4, 2)
    restored = Progress()
    restored.load_state_dict(progress.state_dict())
    assert restored == progress


def test_hooks_hear_of_each_moment_in_order(data: Path, tmp_path: Path) -> None:
    """In the order of the tuple, whatever they are; one of them may end the run."""
    heard: list[tuple[str, str, int]] = []

    class Ear(Hook):
        def __init__(self, name: str) -> None:
            self.name = name

        def wants_end(self, progress: Progress) -> bool:
            heard.append((self.name, "wants_end", progress.epoch))
            return self.name == "b" and progress.epoch == 1

        def after_log(self, progress: Progress, row: Mapping[str, Any]) -> None:
            heard.append((self.name, "after_log", progress.step))

        def after_epoch(self, progress: Progress, row: Mapping[str, Any], best: bool) -> None:
            heard.append((self.name, "after_epoch", progress.epoch))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headrace.train.hooks.build, "Patience", lambda patience: Ear("b"))
        patch.setattr(headrace.train.hooks.build, "Logbook", lambda journal: Ear("a"))
        run_training(settings(data, tmp_path / "run", log_every=3))
    moments = [("wants_end", 0), ("after_log", 3), ("after_log", 6), ("after_epoch", 0)]
    expected = [(name, *moment) for moment in [*moments, ("wants_end", 1)] for name in "ab"]
    assert heard == expected
