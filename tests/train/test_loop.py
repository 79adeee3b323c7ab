"""Whole runs on tiny images: resume bit for bit, stopping, failing, and what is left behind."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

import headrace.train.loop
from headrace.pipeline.errors import ConfigError, Finished, Interrupted
from headrace.train.divergence import Diverged
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.processes.stop import StopRequest
from headrace.train.processes.world import World
from headrace.train.run import run_training
from headrace.train.settings.config_file import load_yaml
from headrace.train.state import Run
from headrace.train.step import optimise, step_seed
from tests.builders import make_records, samples, write_beton
from tests.train.tiny_runs import assert_same, assert_same_run, rows, settings, tinted


class Crash(Exception):
    """Stands for kill -9: nothing runs after it."""


def crash_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done = 0

    def step(run: Run, images: torch.Tensor, targets: torch.Tensor) -> None:
        nonlocal done
        if done == steps:
            raise Crash
        done += 1
        optimise(run, images, targets)

    monkeypatch.setattr(headrace.train.loop, "optimise", step)


def stop_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acts as a SIGTERM during step number `steps`."""
    asked = 0

    def agreed(stop: StopRequest, world: World, device: torch.device, together: bool) -> bool:
        nonlocal asked
        asked += 1
        return asked == steps

    monkeypatch.setattr(StopRequest, "agreed", agreed)


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_training(settings(data, folder))
    return folder


def test_run_folder_holds_what_it_should(whole: Path, data: Path) -> None:
    names = {p.name for p in whole.iterdir()}
    assert names == {"config.yaml", "metrics.jsonl", "log.txt", "best.pt", "last.pt"}
    assert load_yaml(whole / "config.yaml").data.data == str(data)
    assert [r["global_step"] for r in rows(whole, "step")] == [2, 4, 6, 8, 10, 12]
    epochs = rows(whole, "epoch")
    assert [r["epoch"] for r in epochs] == [0, 1]
    best = load_checkpoint(whole / "best.pt")
    assert best["scores"]["accuracy"] == max(r["val_accuracy"] for r in epochs)
    assert best["preprocess"]["size"] == 32
    assert best["classes"] == ["class 0", "class 1", "class 2"]
    assert "optimizer" not in best
    assert len(rows(whole, "start")) == len(rows(whole, "end")) == 1


@pytest.mark.parametrize("steps", [3, 6, 7, 10])
def test_stopped_run_resumes_bit_for_bit(
    steps: int, whole: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(steps, patch)
        with pytest.raises(Interrupted, match="--resume"):
            run_training(settings(data, folder))
    torch.rand(3)  # the resumed run must not depend on where the global generator stands
    run_training(settings(data, folder), resume=str(folder))
    assert_same_run(whole, folder)


@pytest.mark.parametrize("steps", [5, 11])
def test_killed_run_resumes_bit_for_bit_from_the_last_save(
    steps: int, whole: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        crash_after(steps, patch)
        with pytest.raises(Crash):
            run_training(settings(data, folder, save_every=3))
    run_training(settings(data, folder, save_every=3), resume=str(folder / "last.pt"))
    assert_same_run(whole, folder)


def test_resume_on_other_workers_and_recipe_without_mixing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"recipe": "trivial", "optimizer": "sgd", "amp": "off", "epochs": 1}
    run_training(settings(data, tmp_path / "whole", **changes))
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(3, patch)
        with pytest.raises(Interrupted):
            run_training(settings(data, folder, **changes))
    run_training(settings(data, folder, **changes, workers=1), resume=str(folder))
    first, second = (load_checkpoint(p / "last.pt") for p in (tmp_path / "whole", folder))
    assert_same(first["weights"], second["weights"])
    assert_same(first["optimizer"], second["optimizer"])


def test_stop_during_evaluation_resumes_with_it(
    whole: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(8, patch)  # six steps, then the second batch of the evaluation
        with pytest.raises(Interrupted):
            run_training(settings(data, folder))
    saved = load_checkpoint(folder)
    assert (saved["progress"]["epoch"], saved["progress"]["step"]) == (0, 6)
    run_training(settings(data, folder), resume=str(folder))
    assert_same_run(whole, folder)


def test_resuming_a_finished_run_does_nothing(whole: Path, data: Path) -> None:
    before = {path: path.read_bytes() for path in whole.glob("[!.]*")}
    with pytest.raises(Finished, match="is finished already: 2 epochs, best accuracy"):
        run_training(settings(data, whole), resume=str(whole))
    assert {path: path.read_bytes() for path in whole.glob("[!.]*")} == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 4}, r"--batch-size \(was 8, now 4\)"),
        ({"model": "report-resnet"}, "--model"),
        ({"recipe": "none", "epochs": 3}, r"--recipe \(was 'report', now 'none'\):"),
        ({"val_split": "train"}, "--val-split"),
        ({"seed": 1}, "--seed"),
    ],
)
def test_resume_refuses_to_become_another_run(
    changes: dict[str, Any], message: str, whole: Path, data: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        run_training(settings(data, whole, **changes), resume=str(whole))


def test_resume_refuses_other_data(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.beton"
    make_records(path, [tinted(i, i % 3, i % 3) for i in range(54)], {"train": 42, "val": 12})
    with pytest.raises(ConfigError, match="holds other samples"):
        run_training(settings(path, whole, epochs=3), resume=str(whole))


def test_best_has_no_state_to_resume_from(whole: Path) -> None:
    from headrace.train.command_line import read_command_line

    with pytest.raises(ConfigError, match=r"resume from last\.pt"):
        read_command_line(["--resume", str(whole / "best.pt")])


def test_out_folder_with_a_run_is_left_alone(whole: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds a run already"):
        run_training(settings(data, whole))
    quick = {"epochs": 1, "limit_batches": 1}
    run_training(settings(data, tmp_path / "run", **quick))
    (tmp_path / "run/mine.txt").write_text("kept")
    run_training(settings(data, tmp_path / "run", **quick, overwrite=True))
    assert len(rows(tmp_path / "run", "epoch")) == 1
    assert (tmp_path / "run/mine.txt").exists()


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    good: list[bytes] = []

    def poisoned(run: Run, images: torch.Tensor, targets: torch.Tensor) -> None:
        if run.progress.global_step == 8:
            good.append((folder / "last.pt").read_bytes())
            images = images * float("nan")
        optimise(run, images, targets)

    monkeypatch.setattr(headrace.train.loop, "optimise", poisoned)
    with pytest.raises(Diverged, match=r"at epoch 2, step \d; last.pt and best.pt in .* stay"):
        run_training(settings(data, folder, save_every=3))
    assert (folder / "last.pt").read_bytes() == good[0]


def test_early_stopping(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {"epochs": 9, "patience": 1, "lr": 1e-9, "warmup_epochs": 0, "limit_batches": 2}
    run = run_training(settings(data, tmp_path / "run", **changes))
    assert run.progress.epoch == run.progress.best_epoch + 2 < 9
    text = capsys.readouterr().out
    assert "stopped early: 1 epoch without" in text
    assert "val scores are of" not in text
    assert rows(tmp_path / "run", "epoch")[0]["global_step"] == 2


def test_scores_of_a_few_batches_are_said_to_be_that(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_training(settings(data, tmp_path / "run", epochs=1, limit_batches=1))
    text = capsys.readouterr().out
    assert "--limit-batches 1: val scores are of 8 of 12 samples, spread over all classes" in text


def test_without_a_validation_split_the_last_epoch_is_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, folder = tmp_path / "train.beton", tmp_path / "run"
    write_beton(data, samples(12))
    run = run_training(settings(data, folder, epochs=1))
    text = capsys.readouterr().out
    assert "no split 'val'" in text
    assert "nothing held out" in text
    assert "to hold a fifth out: --val-fraction 0.2" in text
    assert_same(load_checkpoint(folder / "best.pt")["weights"], dict(run.model.state_dict()))
    with pytest.raises(ConfigError, match="--patience needs a validation split"):
        run_training(settings(data, tmp_path / "b", patience=2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ""}, "give --data"),
        ({"data": "/nowhere/x.beton"}, "does not exist"),
        ({"train_split": "nope"}, "no split 'nope'"),
        ({"val_split": "nope"}, "no split 'nope'"),
        ({"train_split": "test"}, "6 of 6 samples without a label"),
        ({"val_split": "test"}, "samples without a label"),
        ({"batch_size": 64, "drop_last": True}, "leaves no batch"),
        ({"batch_size": 1}, "batch normalisation"),
        ({"recipe": "nope"}, "unknown recipe"),
        ({"model": "nope"}, "--model is 'nope'"),
        ({"device": "nope"}, "test: device is 'nope', expected auto, cpu or cuda"),
        ({"amp": "fp16"}, "needs a CUDA device"),
        ({"out": "/dev/null/run"}, "cannot write the run folder"),
    ],
)
def test_errors_name_what_is_wrong(
    changes: dict[str, Any], message: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match=message) as error:
        run_training(settings(data, tmp_path / "run", **changes))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_one_class_and_empty_splits_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.beton"
    make_records(path, [tinted(i, 1, 1) for i in range(4)], {"train": 4, "val": 0})
    with pytest.raises(ConfigError, match="only the class 'class 1'"):
        run_training(settings(path, tmp_path / "run"))
    with pytest.raises(ConfigError, match="split 'val' is empty"):
        run_training(settings(path, tmp_path / "run", train_split="val"))


def test_a_last_batch_of_one_is_left_out_and_said(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_training(settings(data, tmp_path / "run", batch_size=41, epochs=1))
    assert run.steps_per_epoch == 1
    assert "1 sample, is left out" in capsys.readouterr().out


def test_a_run_leaves_the_callers_random_numbers_alone(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    run_training(settings(data, tmp_path / "run", epochs=1, limit_batches=1))
    assert torch.equal(torch.rand(2), expected)


def test_a_run_in_another_thread_leaves_signals_alone(data: Path, tmp_path: Path) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    quick = {"epochs": 1, "limit_batches": 1}
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(run_training, settings(data, tmp_path / "run", **quick)).result()
    assert run.progress.epoch == 1 and (tmp_path / "run/best.pt").exists()
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_in_the_main_thread_the_first_signal_alone_is_caught() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        assert signal.getsignal(signal.SIGTERM) != before and not stop.requested
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested and signal.getsignal(signal.SIGTERM) == before


def test_step_seeds_differ() -> None:
    seeds = {step_seed(s, r, g) for s in range(5) for r in range(5) for g in range(200)}
    assert len(seeds) == 5000
    assert all(0 <= seed < 2**63 for seed in seeds)
