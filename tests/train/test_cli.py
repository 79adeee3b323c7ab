"""The commands as users start them: by path, as modules, under torchrun, stopped by a signal."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from headrace.pipeline.errors import ConfigError
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.predict import PredictConfig, predict
from headrace.train.run import command_again, skipped_line
from tests.builders import make_records, photo, stored

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, str(ROOT / "train/run.py")]
QUICK = (
    "--model timm:test_resnet --size 32 --batch-size 8 --epochs 1 --loader torchvision --workers 0 "
    "--device cpu --amp off --recipe flip --no-tensorboard --no-report --log-every 2"
).split()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "tiny.beton"
    rows = []
    for i in range(46):
        image = photo(i, 36, 40).astype(int)
        image[..., i % 3] += 90
        pixels = np.clip(image, 0, 255).astype(np.uint8)
        rows.append(stored(pixels, label=i % 3 if i < 40 else -1, name=f"{i % 3}_{i}.jpg"))
    make_records(path, rows, {"train": 30, "val": 10, "test": 6}).close()
    return path


def call(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was started by path with hardly a flag."""
    folder = tmp_path_factory.mktemp("work")
    done = call([*RUN, "--data", str(data), *QUICK, "--tensorboard"], folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("best val accuracy 0.") for line in lines)
    assert any(line.startswith("time: data wait ") for line in lines)
    assert "batch/s" not in done.stderr  # a bar is for terminals
    assert lines[-2] == "run folder: runs/tiny-timm-test_resnet-1"
    asked = f"runs/tiny-timm-test_resnet-1 {data} --csv answer.csv"
    assert lines[-1] == f"next: train/predict.py {asked}"
    return folder / "runs/tiny-timm-test_resnet-1"


def test_run_by_path_writes_a_numbered_folder(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert {"config.yaml", "metrics.jsonl", "best.pt", "last.pt"} <= names
    assert any(path.name.startswith("events.out.tfevents") for path in trained.iterdir())


def test_module_form_shows_the_flags(tmp_path: Path) -> None:
    done = call([sys.executable, "-m", "headrace.train.run", "--help-all"], ROOT)
    assert done.returncode == 0
    assert "--crop-scale" in done.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data", "nope.beton"], "error: nope.beton does not exist"),
        (["--dta", "x"], "error: Unrecognized options: --dta, x"),
    ],
)
def test_errors_are_one_line_and_status_2(flags: list[str], message: str, tmp_path: Path) -> None:
    done = call([*RUN, *flags], tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(message)


def test_sigterm_saves_says_how_to_resume_and_exits_130(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    many = [*QUICK, "--data", str(data), "--out", str(out), "--epochs", "5000"]
    process = subprocess.Popen([*RUN, *many], stderr=subprocess.PIPE, text=True)
    log, deadline = out / "metrics.jsonl", time.monotonic() + 200
    while time.monotonic() < deadline and not (log.exists() and '"step"' in log.read_text()):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, text = process.communicate(timeout=100)
    assert process.returncode == 130
    assert text.splitlines()[-1].startswith("interrupted: saved at epoch ")
    assert f"--resume {out}" in text
    assert load_checkpoint(out)["progress"]["global_step"] > 0


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_two_processes_train_one_model(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    flags = ["--nproc-per-node", "2", str(ROOT / "train/run.py"), "--data", str(data)]
    done = call(
        [*launcher, *flags, *QUICK, "--out", str(out), "--recipe", "report", "--report"], tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("best val accuracy") == 1
    # By one process, when the group has parted.
    assert done.stdout.splitlines()[-2] == f"report: {out}/report.html"
    assert (out / "report.html").stat().st_size > 1_000_000
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    epoch = next(row for row in rows if row["kind"] == "epoch")
    assert epoch["global_step"] == 4  # 30 samples, padded to 4 batches of 8 over both
    assert round(epoch["val_accuracy"] * 10, 6) == round(epoch["val_accuracy"] * 10)
    saved = load_checkpoint(out)
    assert len(saved["ranks"]) == 2
    assert not torch.equal(
        saved["ranks"][0]["augmenter"]["generator"], saved["ranks"][1]["augmenter"]["generator"]
    )
    assert not any(key.startswith("module.") for key in saved["weights"])


def test_predict_writes_names_and_classes(trained: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    script = [sys.executable, str(ROOT / "train/predict.py")]
    done = call([*script, str(trained), str(data), "--split", "test", "--csv", str(out)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6 samples, none of them labelled" in done.stdout
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [f"{i % 3}_{i}.jpg" for i in range(40, 46)]
    assert all(row["label"] == "" for row in rows)
    assert all(row["class"] == f"class {row['predicted']}" for row in rows)
    assert all(0 < float(row["confidence"]) <= 1 for row in rows)


def test_predict_agrees_with_the_runs_own_evaluation(
    trained: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = load_checkpoint(trained / "best.pt")
    config = PredictConfig(
        paths=(str(trained / "best.pt"), str(data)), split="val", batch_size=8, amp="off"
    )
    outcome = predict(config)
    assert (outcome.predicted == outcome.labels).mean() == best["scores"]["accuracy"]
    assert f"accuracy {best['scores']['accuracy']:.4f} on 10 samples" in capsys.readouterr().out


def test_predict_says_which_splits_there_are(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "bare.beton"
    pair = [stored(photo(i, 36, 40), label=0, name=f"{i}.jpg") for i in range(2)]
    make_records(path, pair, {"train": 1, "val": 1}).close()
    with pytest.raises(ConfigError, match=r"no split 'test', but train, val; choose with --split"):
        predict(PredictConfig(paths=(str(trained), str(path))))


def test_predict_refuses_other_classes(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.beton"
    make_records(path, [stored(photo(i, 30, 30), label=i) for i in range(2)]).close()
    with pytest.raises(ConfigError, match=r"knows 3 classes, .* has 2"):
        predict(PredictConfig(paths=(str(trained), str(path)), split="all"))


def test_the_command_that_goes_on_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("my runs/a")
    monkeypatch.setattr(sys, "argv", ["headrace"])
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert command_again(folder, 1) == "headrace train --resume 'my runs/a'"
    launcher = "torchrun --nproc-per-node 4"
    assert command_again(folder, 4) == f"{launcher} -m headrace train --resume 'my runs/a'"
    monkeypatch.setattr(sys, "argv", ["train/run.py"])
    assert command_again(folder, 4) == f"{launcher} train/run.py --resume 'my runs/a'"
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    launcher = "torchrun --nnodes 2 --nproc-per-node 2 ..."
    assert command_again(folder, 4) == f"{launcher} train/run.py --resume 'my runs/a'"


def test_a_damaged_image_that_is_measured_on_is_told_too(tmp_path: Path) -> None:
    rows = [stored(photo(i, 36, 40), label=i % 3) for i in range(20)]
    rows[17] = replace(rows[17], data=b"\xff" * 99)
    make_records(tmp_path / "a.beton", rows, {"train": 16, "val": 4}).close()
    done = call([*RUN, "--data", "a.beton", *QUICK, "--on-bad-sample", "skip"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "a damaged image was replaced by another one, 1 time; " in done.stdout


def test_damaged_images_are_named_by_a_command_for_each_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["headrace"])
    assert skipped_line("my a.beton", 1).endswith("`headrace info 'my a.beton' --verify`")
    line = skipped_line(["a.beton", "b.beton:0.3"], 2)
    assert line.endswith("`headrace info a.beton --verify` and `headrace info b.beton --verify`")
