"""Folds and seeds: ordinary runs one after the other, cut off and continued, and summed up."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.pipeline.errors import ConfigError, HeadraceError, Interrupted, RecordsError
from headrace.pipeline.records import Records
from headrace.train.command_line import read_flags
from headrace.train.evaluate import EvaluateConfig, evaluate
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.folder_lock import lock_folder
from headrace.train.predict import PredictConfig, predict
from headrace.train.reporting import write
from headrace.train.run import run_training, run_trials
from headrace.train.trials.interval import over_runs, t_quantile
from headrace.train.trials.out_of_fold import read_out_of_fold
from tests.builders import make_records, photo, samples, stored, write_beton
from tests.train.test_loop import stop_after
from tests.train.tiny_runs import SPLITS, assert_same_run, rows, settings

QUICK = (
    "--model timm:test_resnet --size 32 --batch-size 8 --epochs 2 --workers 0 --lr 0.003 "
    "--loader torchvision --device cpu --no-tensorboard --no-report --log-every 2"
).split()
ASK: dict[str, Any] = {"loader": "torchvision", "workers": 0, "device": "cpu"}


def carried_out(data: Path, out: Path, *words: str) -> dict[str, Any]:
    return run_trials(read_flags(["--data", str(data), "--out", str(out), *QUICK, *words]))


@pytest.fixture(scope="module")
def folds(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds of two epochs that nobody disturbed."""
    out = tmp_path_factory.mktemp("folds") / "two"
    carried_out(data, out, "--folds", "2", "--split-seed", "7")
    return out


def test_each_fold_is_a_run_like_any_other(folds: Path, data: Path, tmp_path: Path) -> None:
    names = {path.name for path in folds.iterdir()}
    assert names == {"fold0", "fold1", "summary.json", "out_of_fold.npz", "trials.yaml"}
    splits = {
        "train_split": "train | all but fold 1 of 2, seed 7",
        "val_split": "train | fold 1 of 2, seed 7",
    }
    alone = settings(data, tmp_path / "alone", **splits, dropout=0.0)
    run_training(alone)
    free = ("out", "save_every", "report")
    assert_same_run(folds / "fold1", tmp_path / "alone", free=free)


def test_the_summary_is_of_each_runs_best_epoch(folds: Path) -> None:
    summary = json.loads((folds / "summary.json").read_text())
    best = [
        max(row["val_accuracy"] for row in rows(folds / name, "epoch"))
        for name in ("fold0", "fold1")
    ]
    last = [rows(folds / name, "epoch")[-1]["val_accuracy"] for name in ("fold0", "fold1")]
    accuracy = summary["accuracy"]
    assert accuracy["runs"] == pytest.approx(best) and accuracy["mean"] == pytest.approx(
        np.mean(best)
    )
    assert accuracy["std"] == pytest.approx(np.std(best, ddof=1))
    half = 12.7062047 * accuracy["std"] / 2**0.5
    assert accuracy["ci95"] == pytest.approx([np.mean(best) - half, np.mean(best) + half])
    assert summary["last_epoch"]["accuracy"]["runs"] == pytest.approx(last)
    assert {"macro_f1", "auroc", "ece", "loss"} <= summary.keys()
    assert summary["pooled"]["accuracy"] == pytest.approx(np.average(best, weights=[21, 21]))
    assert summary["val"]["split"] == "val" and len(summary["val"]["accuracy"]["runs"]) == 2


def test_out_of_fold_probabilities_are_of_runs_that_have_not_seen_the_sample(
    folds: Path, data: Path
) -> None:
    found = read_out_of_fold(folds / "out_of_fold.npz")
    assert found.indices.tolist() == list(range(SPLITS["train"]))
    assert found.probabilities.sum(1) == pytest.approx(np.ones(42), abs=1e-5)
    with Records.open(data) as records:
        assert found.names.tolist() == [records.name(i) for i in range(42)]
        assert found.labels.tolist() == records.labels[:42].tolist()
        own = records.select("train | fold 1 of 2, seed 7")
    assert np.flatnonzero(found.fold == 1).tolist() == own.tolist()
    asked = PredictConfig(
        paths=(str(folds / "fold1"), str(data)), split="train | fold 1 of 2, seed 7", **ASK
    )
    alone = predict(asked)
    exponents = np.exp(alone.logits - alone.logits.max(1, keepdims=True))
    expected = exponents / exponents.sum(1, keepdims=True)
    assert found.probabilities[own] == pytest.approx(expected, abs=0.01)  # bf16, other batches


def test_the_folder_stands_for_the_ensemble_of_its_runs(folds: Path, data: Path) -> None:
    whole = predict(PredictConfig(paths=(str(folds), str(data)), split="val", **ASK))
    named = (str(folds / "fold0"), str(folds / "fold1"), str(data))
    assert np.array_equal(
        whole.logits, predict(PredictConfig(paths=named, split="val", **ASK)).logits
    )
    report = evaluate(EvaluateConfig(paths=(str(folds), str(data)), split="val", **ASK))
    assert report["ensemble"] == "probs" and report["count"] == 12


def test_the_same_command_again_finds_it_finished(
    folds: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in folds.glob("*/*.pt")}
    summary = carried_out(data, folds, "--folds", "2", "--split-seed", "7")
    said = capsys.readouterr()
    assert said.out.splitlines()[-2:] == [
        f"next: headrace suspects {folds}",
        f"next: headrace predict {folds} NEW_IMAGES --csv answer.csv",
    ]
    print(said.out)
    assert summary == json.loads((folds / "summary.json").read_text())
    shown = capsys.readouterr().out
    assert f"{folds} is finished already: 2 runs" in shown and "95% interval" in shown
    assert run_trials(read_flags(["--resume", str(folds)])) == summary
    assert before == {path: path.stat().st_mtime_ns for path in folds.glob("*/*.pt")}


def test_a_page_of_all_runs_is_written_when_they_are_summed_up(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("bokeh")
    out = tmp_path / "seeds"
    words = ["--data", str(data), "--out", str(out), "--repeats", "2", *QUICK, "--report"]
    run_trials(read_flags(words))
    assert f"report: {out / 'report.html'}" in capsys.readouterr().out
    page = (out / "report.html").read_text()
    assert "seed0" in page and "seed1" in page
    run_trials(read_flags(words))
    assert "report: " not in capsys.readouterr().out, "finished already"


def test_stopped_at_their_page_they_are_complete(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("bokeh")

    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "write_report", stop)
    out = tmp_path / "seeds"
    words = ["--data", str(data), "--out", str(out), "--repeats", "2", *QUICK, "--epochs", "1"]
    with pytest.raises(KeyboardInterrupt, match=r"seeds is complete; its report is made by `.*ds`"):
        run_trials(read_flags([*words, "--report"]))
    assert (out / "summary.json").is_file()


def test_a_fold_that_was_cut_off_goes_on_to_the_bit(
    folds: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--folds", "2", "--split-seed", "7")
    with monkeypatch.context() as patch:
        stop_after(14, patch)  # three steps and three batches of evaluation an epoch
        with pytest.raises(Interrupted, match=r"fold1 is not finished; go on with .* --resume"):
            carried_out(data, tmp_path / "two", *asked)
    assert load_checkpoint(tmp_path / "two" / "fold0")["progress"]["epoch"] == 2
    assert load_checkpoint(tmp_path / "two" / "fold1")["progress"]["step"] > 0
    assert not (tmp_path / "two" / "summary.json").exists()
    with pytest.raises(ConfigError, match=r"fold1 has no best\.pt yet; finish the runs with"):
        predict(PredictConfig(paths=(str(tmp_path / "two"), str(data)), split="val", **ASK))
    summary = run_trials(read_flags(["--resume", str(tmp_path / "two")]))
    for name in ("fold0", "fold1"):
        assert_same_run(folds / name, tmp_path / "two" / name)
    assert summary == json.loads((folds / "summary.json").read_text())


def test_folds_of_small_images_are_measured_as_they_were_trained(tmp_path: Path) -> None:
    data, out = tmp_path / "small.beton", tmp_path / "two"
    images = [stored(photo(number, 30, 32), label=number % 2) for number in range(20)]
    make_records(data, images, {"train": 20}).close()
    quick = [word for word in QUICK if word not in ("--size", "32")]
    words = ["--data", str(data), "--out", str(out), "--folds", "2", *quick, "--amp", "off"]
    summary = run_trials(read_flags(words))
    trained = [load_checkpoint(out / name / "best.pt") for name in ("fold0", "fold1")]
    assert [content["config"]["geometry"] for content in trained] == ["padded", "padded"]
    logged = [rows(out / name, "epoch") for name in ("fold0", "fold1")]
    accuracies = [max(row["val_accuracy"] for row in found) for found in logged]
    assert summary["accuracy"]["runs"] == pytest.approx(accuracies, abs=1e-6)
    best = [
        next(row["val_loss"] for row in found if row["val_accuracy"] == accuracy)
        for found, accuracy in zip(logged, accuracies, strict=True)
    ]
    assert summary["loss"]["runs"] == pytest.approx(best, rel=1e-4)


def test_a_finished_fold_that_lost_its_best_is_trained_anew(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "two"
    carried_out(data, place, "--folds", "2", "--epochs", "1", "--limit-batches", "1")
    (place / "fold1" / "best.pt").unlink()
    with pytest.raises(ConfigError, match=r"has lost its best\.pt; remove .*fold1 and train"):
        predict(PredictConfig(paths=(str(place), str(data)), split="val", **ASK))
    shutil.rmtree(place / "fold1")
    run_trials(read_flags(["--resume", str(place)]))
    assert (place / "fold1" / "best.pt").is_file()


def test_longer_folds_are_summed_up_anew(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--folds", "2", "--limit-batches", "1", "--schedule", "constant")
    first = carried_out(data, tmp_path / "two", *words, "--epochs", "1")
    assert [state["epochs"] for state in first["trained"].values()] == [1, 1]
    longer = run_trials(read_flags(["--resume", str(tmp_path / "two"), "--epochs", "2"]))
    assert [state["epochs"] for state in longer["trained"].values()] == [2, 2]
    assert sum(longer["count"]) == SPLITS["train"]  # all of them, whatever --limit-batches


def test_seeds_are_runs_on_the_same_samples(data: Path, tmp_path: Path) -> None:
    words = ("--repeats", "2", "--val-fraction", "0.25", "--epochs", "1", "--seed", "5")
    summary = carried_out(data, tmp_path / "seeds", *words)
    assert list(summary["trained"]) == ["seed5", "seed6"] and summary["count"] == [12, 12]
    assert "ensemble" in summary and not (tmp_path / "seeds" / "out_of_fold.npz").exists()
    one, other = (load_checkpoint(tmp_path / "seeds" / name) for name in ("seed5", "seed6"))
    assert one["data_fingerprint"] == other["data_fingerprint"]
    assert one["config"]["val_split"] == "train | 25%, seed 0"
    assert any(not np.array_equal(one["weights"][k], other["weights"][k]) for k in one["weights"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--folds 1", "--folds is 1, expected 2 to 1000"),
        ("--folds 2 --repeats 2", "--folds and --repeats exclude each other"),
        ("--folds 2 --val-split test", "--folds 2 and --val-split test exclude each other"),
        ("--folds 2 --val-fraction 0.2", "--folds 2 and --val-fraction exclude each other"),
        ("--folds 2 --overwrite", "--folds 2 and --overwrite exclude each other"),
        ("--folds 15", r"samples than folds, class 0 \(14\), .*; take --folds 14 at most"),
        ("--repeats 2 --val-split none", "--repeats 2 has nothing to measure on"),
        ("--split-seed 3", "--split-seed 3 has nothing to draw"),
        ("--val-fraction 0.2 --split-seed -3", "--split-seed is -3, expected 0 to"),
        ("--folds 2 --split-seed -3", "--split-seed is -3, expected 0 to"),
        ("--val-fraction 1.5", "--val-fraction is 1.5, expected above 0 and below 1"),
        ("--val-fraction 0.2 --val-split test", "--val-fraction 0.2 and --val-split test exclude"),
    ],
)
def test_what_excludes_each_other(data: Path, tmp_path: Path, words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        carried_out(data, tmp_path / "out", *words.split())
    assert not (tmp_path / "out").exists()


def test_a_folder_of_another_kind_is_refused(folds: Path, data: Path, tmp_path: Path) -> None:
    for words, message in (
        ("--folds 3", "holds runs of --folds 2, not of --folds 3"),
        ("--repeats 2", "holds runs of --folds 2, not of --repeats 2"),
        ("--folds 2 --split-seed 8", "holds folds of --split-seed 7, not 8"),
        ("--folds 2 --split-seed 7 --lr 0.1", r"changed --lr \(was 0.003, now 0.1\)"),
    ):
        with pytest.raises(ConfigError, match=message):
            carried_out(data, folds, *words.split())
    with pytest.raises(ConfigError, match="fold1 holds a single run"):
        carried_out(data, folds / "fold1", "--folds", "2")
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(ConfigError, match=r"not empty and holds no runs: there is mine\.txt"):
        carried_out(data, tmp_path, "--folds", "2")
    for words in ("--folds 3", "--split-seed 3", "--val-fraction 0.2"):
        with pytest.raises(ConfigError, match="is for a new run"):
            read_flags(["--resume", str(folds), *words.split()])
    with lock_folder(folds), pytest.raises(ConfigError, match="is being written by another run"):
        carried_out(data, folds, "--folds", "2", "--split-seed", "7")


def test_a_setting_that_cannot_work_may_be_mended(data: Path, tmp_path: Path) -> None:
    with pytest.raises(HeadraceError, match="resnet81"):
        carried_out(data, tmp_path / "out", "--folds", "2", "--model", "resnet81")
    with pytest.raises(HeadraceError, match="resnet82"):  # and not: the model has changed
        carried_out(data, tmp_path / "out", "--folds", "2", "--model", "resnet82")


def test_torchrun_is_refused(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="torchrun has started 2; leave torchrun out"):
        carried_out(data, tmp_path / "out", "--folds", "2")


def test_a_fraction_is_held_out_and_stays_so(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(data), "--out", str(tmp_path / "run"), *QUICK, "--epochs", "1"]
    asked = read_flags([*words, "--val-fraction", "0.2", "--split-seed", "3"])
    run = run_training(asked.run)
    assert run.val_loader is not None and run.val_loader.config.split == "train | 20%, seed 3"
    assert (
        "held out: 9 of the 42 samples of train, drawn in each class (20%, seed 3); the data's own "
        "split val takes no part" in capsys.readouterr().out
    )
    held = "train | 20%, seed 3"
    paths = (str(tmp_path / "run"), str(data))
    assert evaluate(EvaluateConfig(paths=paths, split=held, **ASK))["count"] == 9
    with pytest.raises(RecordsError, match=f"what the run held out is --split '{re.escape(held)}'"):
        evaluate(EvaluateConfig(paths=paths, split="other", **ASK))
    again = read_flags(["--resume", str(tmp_path / "run"), "--epochs", "2"])
    assert again.run.data.val_split == "train | 20%, seed 3"
    assert run_training(again.run, again.resume).progress.epoch == 2


def test_who_holds_nothing_out_is_told_the_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "train.beton"
    write_beton(data, samples(12))
    config = settings(data, tmp_path / "run", epochs=1, limit_batches=1, recipe="none")
    run_training(config)
    assert "(to hold a fifth out: --val-fraction 0.2)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("degrees", "expected"), [(1, 12.7062), (2, 4.3027), (4, 2.7764), (9, 2.2622), (999, 1.9623)]
)
def test_quantiles_of_student(degrees: int, expected: float) -> None:
    """Of printed tables."""
    assert t_quantile(0.975, degrees) == pytest.approx(expected, abs=1e-4)


def test_what_is_undefined_is_left_out() -> None:
    found = over_runs([0.5, None, 0.7, float("nan")])
    assert found["runs"] == [0.5, None, 0.7, None] and found["mean"] == pytest.approx(0.6)
    assert over_runs([0.5])["std"] is None and over_runs([None])["mean"] is None
