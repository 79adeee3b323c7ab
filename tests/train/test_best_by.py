"""Which epoch is the best: by any metric, or by the loss, which is better where it is lower."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.train.display import best_value, report
from headrace.train.evaluation.outcome import Outcome
from headrace.train.evaluation.scoring import Scores, score
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.metrics import METRICS
from headrace.train.progress import Progress
from headrace.train.run import run_training
from tests.train.test_scores import outcome_of
from tests.train.tiny_runs import rows, settings

QUICK = {"model": "small-resnet", "dropout": 0.0, "recipe": "none", "amp": "off"}


# Accuracy, calibration error and loss of four epochs: each has its best in another one.
COURSE = {"accuracy": (0.5, 0.7, 0.6, 0.6), "ece": (0.3, 0.2, 0.1, 0.2), "loss": (9, 8, 8, 1)}


@pytest.mark.parametrize(("name", "best"), [("accuracy", 1), ("ece", 2), ("loss", 3)])
def test_the_best_epoch_is_kept_and_told(
    name: str,
    best: int,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    evaluations = iter(range(4))

    def scripted(outcome: Outcome, num_classes: int) -> Scores:
        epoch = next(evaluations)
        metrics = {key: COURSE[key][epoch] if key in COURSE else 0.0 for key in METRICS}
        return Scores(metrics=metrics, loss=float(COURSE["loss"][epoch]), count=12)

    monkeypatch.setattr("headrace.train.evaluation.held_out.score", scripted)
    run_training(settings(data, tmp_path / "run", best_by=name, epochs=4, **QUICK))
    assert load_checkpoint(tmp_path / "run/best.pt")["scores"]["epochs_done"] == best + 1
    value = float(COURSE[name][best])
    assert f"best val {name} {value:.4f} (epoch {best + 1})" in capsys.readouterr().out
    end = rows(tmp_path / "run", "end")[0]
    assert (end[f"best_{name}"], end["best_epoch"]) == (value, best)


def test_patience_goes_by_the_same(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    evaluations = iter(range(9))

    def worse_and_worse(outcome: Outcome, num_classes: int) -> Scores:
        epoch = next(evaluations)
        metrics = {**dict.fromkeys(METRICS, 0.1 * epoch), "macro_f1": 1 - 0.1 * epoch}
        return Scores(metrics=metrics, loss=1.0, count=12)

    monkeypatch.setattr("headrace.train.evaluation.held_out.score", worse_and_worse)
    changes = {"best_by": "macro_f1", "patience": 2, "epochs": 9}
    run = run_training(settings(data, tmp_path / "run", **changes, **QUICK))
    assert run.progress.epoch == 3 and run.progress.best_epoch == 0
    said = capsys.readouterr().out
    assert "stopped early: 2 epochs without a better macro_f1" in said
    assert "accuracy 0.0000, macro_f1 1.0000 (best)" in said


def test_every_metric_is_in_the_log(data: Path, tmp_path: Path) -> None:
    run_training(settings(data, tmp_path / "run", epochs=1, **QUICK))
    (row,) = rows(tmp_path / "run", "epoch")
    assert {f"val_{name}" for name in (*METRICS, "loss")} <= row.keys()
    assert all(math.isfinite(row[f"val_{name}"]) for name in METRICS)


def test_what_is_undefined_is_no_best_and_no_json(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the area under the curve of a validation split of one class."""

    def of_one_class(outcome: Outcome, num_classes: int) -> Scores:
        return score(outcome_of([[1.0, 0.0, 0.0]], [0]), num_classes)

    monkeypatch.setattr("headrace.train.evaluation.held_out.score", of_one_class)
    run_training(settings(data, tmp_path / "run", best_by="auroc", **QUICK))
    assert (tmp_path / "run/best.pt").is_file()
    assert "best val auroc undefined (epoch 1)" in capsys.readouterr().out
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    found = [json.loads(line, parse_constant=lambda word: pytest.fail(word)) for line in lines]
    assert [row["val_auroc"] for row in found if row["kind"] == "epoch"] == [None, None]
    assert found[-1]["best_auroc"] is None


def test_any_number_is_better_than_none() -> None:
    progress = Progress()
    seen = [progress.record(value) for value in (math.nan, math.nan, -5.0, math.nan, -4.0)]
    assert seen == [True, False, True, False, True]
    assert best_value(progress, "loss") == 4.0
    assert "best val loss 4.0000" in report(
        progress, dict.fromkeys("data augment step evaluate save total".split(), 1.0), True, "val",
        "loss",
    )  # fmt: skip


def test_progress_of_earlier_checkpoints_goes_on() -> None:
    state = Progress(epoch=3, best_score=0.5, best_epoch=1).state_dict()
    state["best_accuracy"] = state.pop("best_score")
    progress = Progress()
    progress.load_state_dict(state)
    assert (progress.best_score, progress.best_epoch) == (0.5, 1)
    assert "best_accuracy" in state


def test_the_best_is_by_something_that_there_is(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--best-by is 'f1', expected one of accuracy, .*, loss"):
        settings(data, tmp_path / "run", best_by="f1")
