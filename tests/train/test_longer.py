"""A run that is trained longer than it was started for, and one that has nothing left to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import headrace.train.loop
import headrace.train.opening.learning
from headrace.pipeline.errors import ConfigError, Finished
from headrace.train.command_line import read_command_line
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.run import run_training
from headrace.train.schedules.build import build_schedule, run_span
from headrace.train.schedules.longer import rate_line
from headrace.train.schedules.multistep import Settings
from headrace.train.settings.config_file import dump_yaml, load_yaml
from headrace.train.settings.optim import OptimConfig
from tests.train.tiny_runs import assert_same_run, rows, settings

ROOT = Path(__file__).resolve().parents[2]
ONE = {"recipe": "flip", "dropout": 0.0, "epochs": 1}


def test_a_constant_rate_goes_on_as_if_the_run_had_been_longer(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = {"schedule": "constant", "recipe": "report", "warmup_epochs": 0.5}
    run_training(settings(data, tmp_path / "whole", **plain, epochs=3))
    run_training(settings(data, tmp_path / "run", **plain, epochs=2))
    capsys.readouterr()
    words = ["--resume", str(tmp_path / "run"), "--epochs", "3"]
    run_training(*read_command_line(words))
    said = capsys.readouterr().out
    assert "trains to 3 epochs, not 2: the learning rate (constant) goes on as it was" in said
    for kind in ("step", "epoch"):
        assert rows(tmp_path / "run", kind) == rows(tmp_path / "whole", kind)
    free = ("out", "epochs")  # best.pt may be of the time before
    assert_same_run(tmp_path / "whole", tmp_path / "run", free)
    assert load_yaml(tmp_path / "run/config.yaml").optim.epochs == 3


def test_a_cosine_is_stretched_or_begins_anew(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cosine: dict[str, Any] = {**ONE, "warmup_epochs": 0.0, "lr": 1.0}
    for name, more, word in (("a", [], "stretched"), ("b", ["--schedule-from", "1"], "anew")):
        folder = tmp_path / name
        run_training(settings(data, folder, **cosine))
        run_training(*read_command_line(["--resume", str(folder), "--epochs", "3", *more]))
        assert f"(cosine) {'is ' if not more else 'begins '}{word}" in capsys.readouterr().out
    long = OptimConfig(epochs=3, lr=1.0, warmup_epochs=0)
    stretched = build_schedule(long, run_span(long, 6))
    short = OptimConfig(epochs=2, lr=1.0, warmup_epochs=0)
    anew = build_schedule(short, run_span(short, 6))
    after = [row for row in rows(tmp_path / "a", "step") if row["epoch"] > 0]
    assert [row["lr"] for row in after] == [stretched(row["global_step"] - 1) for row in after]
    after = [row for row in rows(tmp_path / "b", "step") if row["epoch"] > 0]
    assert [row["lr"] for row in after] == [anew(row["global_step"] - 7) for row in after]


def test_what_has_begun_anew_resumes_to_the_bit(data: Path, tmp_path: Path) -> None:
    for name in ("whole", "run"):
        run_training(settings(data, tmp_path / name, **ONE))
        words = ["--resume", str(tmp_path / name), "--schedule-from", "1", "--epochs", "3"]
        config, resume = read_command_line(words)
        if name == "run":
            with pytest.MonkeyPatch.context() as patch:
                stop_once(patch)
                with pytest.raises(RuntimeError, match="killed"):
                    run_training(config, resume)
            assert load_checkpoint(tmp_path / name)["progress"]["epoch"] == 2
            config, resume = read_command_line(["--resume", str(tmp_path / name)])
            assert (config.optim.epochs, config.optim.schedule_from) == (3, 1)
        run_training(config, resume)
    assert_same_run(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize("before", ["optimise", "save_last"])
def test_what_was_asked_for_holds_where_a_run_dies_before_it_is_saved_with_it(
    before: str, data: Path, tmp_path: Path
) -> None:
    """In its first step, or between best.pt and last.pt; its schedule is another by then."""
    longer = ["--epochs", "3", "--patience", "7"]
    for name in ("whole", "run"):
        folder = tmp_path / name
        run_training(settings(data, folder, **ONE, best_by="loss"))
        config, resume = read_command_line(["--resume", str(folder), *longer])
        if name == "run":
            with pytest.MonkeyPatch.context() as patch:
                die_before(before, patch)
                with pytest.raises(RuntimeError, match="killed"):
                    run_training(config, resume)
            assert load_checkpoint(folder)["config"]["epochs"] == 1
            assert load_checkpoint(folder / "best.pt")["scores"]["epochs_done"] == (
                2 if before == "save_last" else 1
            )
            config, resume = read_command_line(["--resume", str(folder)])
            assert (config.optim.epochs, config.optim.patience) == (3, 7)
        run_training(config, resume)
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def test_settings_of_another_run_beside_a_checkpoint_say_nothing(
    data: Path, tmp_path: Path
) -> None:
    run_training(settings(data, tmp_path / "run", **ONE))
    path = tmp_path / "run/config.yaml"
    for said in (dump_yaml(settings(data, tmp_path, **{**ONE, "epochs": 3}, seed=1)), "{", ""):
        path.write_text(said)
        assert read_command_line(["--resume", str(tmp_path / "run")])[0].optim.epochs == 1
    path.unlink()
    assert read_command_line(["--resume", str(tmp_path / "run")])[0].optim.epochs == 1


def die_before(name: str, patch: pytest.MonkeyPatch) -> None:
    """Kills the run where its loop would call something."""

    def die(*_: Any) -> None:
        raise RuntimeError("killed")

    patch.setattr(headrace.train.loop, name, die)


@pytest.mark.parametrize("warmup", [0.0, 0.5])
def test_a_plateau_that_begins_anew_forgets_how_far_its_rate_had_fallen(
    warmup: float, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    falls = {"schedule": "plateau", "plateau_patience": 0, "plateau_threshold": 0.9}
    run = settings(data, tmp_path / "run", **falls, recipe="flip", epochs=3, warmup_epochs=warmup)
    run_training(run)
    assert rows(tmp_path / "run", "step")[-1]["lr"] < 0.003
    words = ["--resume", str(tmp_path / "run"), "--schedule-from", "3", "--epochs", "4"]
    capsys.readouterr()
    run_training(*read_command_line(words))
    first = 0.001 if warmup else 0.003
    told = f"(plateau) begins anew at epoch 4; {first:.2e} at the next step"
    assert told in capsys.readouterr().out
    assert [row["lr"] for row in rows(tmp_path / "run", "step")[-2:]] == [0.003, 0.003]
    state = load_checkpoint(tmp_path / "run")["hooks"]["plateau"]
    assert (state["rate"], state["bad_epochs"]) == (0.003, 0), "its one evaluation is its best"


def stop_once(patch: pytest.MonkeyPatch) -> None:
    """Kills the run after the first epoch that it saves."""
    import headrace.train.loop as loop

    save = loop.save_last

    def save_and_die(run: Any) -> None:
        save(run)
        raise RuntimeError("killed")

    patch.setattr(loop, "save_last", save_and_die)


def test_a_mean_that_began_too_early_for_the_longer_run_begins_again(
    data: Path, tmp_path: Path
) -> None:
    swa = {**ONE, "average": "swa", "schedule": "constant", "epochs": 2}
    run_training(settings(data, tmp_path / "run", **swa))
    assert load_checkpoint(tmp_path / "run")["hooks"]["swa"]["epochs"] == 1
    run_training(*read_command_line(["--resume", str(tmp_path / "run"), "--epochs", "4"]))
    run_training(settings(data, tmp_path / "whole", **{**swa, "epochs": 4}))
    first, second = (load_checkpoint(tmp_path / name)["hooks"]["swa"] for name in ("run", "whole"))
    assert first["epochs"] == second["epochs"] == 1
    assert all(torch.equal(first["model"][k], second["model"][k]) for k in first["model"])


def test_schedules_that_the_total_does_not_concern_go_on() -> None:
    for name, goes_on in {"step": True, "exponential": True, "linear": False, "wsd": False}.items():
        before, now = (OptimConfig(epochs=n, schedule=name, warmup_epochs=1) for n in (4, 8))
        assert ("goes on as it was" in rate_line(before, now, 5, 20)) == goes_on
    assert rate_line(now, now, 5, 20) == ""
    for milestones, goes_on in (((2.0,), True), ((), False)):
        own = Settings(milestones=milestones)
        before, now = (
            OptimConfig(epochs=n, schedule="multistep", schedule_settings=own) for n in (4, 8)
        )
        assert ("goes on as it was" in rate_line(before, now, 5, 20)) == goes_on


def test_the_rates_on_both_sides_of_where_it_goes_on_are_told() -> None:
    def line(epochs: int, begin: int, done: int) -> str:
        before, now = (
            OptimConfig(
                epochs=n, schedule="linear", lr=1.0, warmup_epochs=0, schedule_from=from_epoch
            )
            for n, from_epoch in ((2, 0), (epochs, begin))
        )
        return rate_line(before, now, 5, done)

    assert line(4, 0, 10) == (
        "trains to 4 epochs, not 2: the learning rate (linear) is stretched over all of them; "
        "1.00e-01 at the last step, 5.00e-01 at the next; --schedule-from 2 would begin it anew"
    )
    assert line(4, 2, 10) == (
        "trains to 4 epochs, not 2: the learning rate (linear) begins anew at epoch 3; "
        "1.00e-01 at the last step, 1.00e+00 at the next"
    )
    assert "1.00e+00 at the last step, 1.00e+00 at the next" in line(4, 0, 0)


def test_a_finished_run_says_so_before_its_data_is_looked_for(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "moved.beton"
    moved.write_bytes(data.read_bytes())
    run_training(settings(moved, tmp_path / "run", **ONE, tensorboard=True))
    moved.unlink()
    before = {path: path.read_bytes() for path in (tmp_path / "run").glob("[!.]*")}
    command = [sys.executable, str(ROOT / "train/run.py"), "--resume", "run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    line, report = done.stdout.splitlines()
    assert line.startswith("run is finished already: 1 epoch, best accuracy 0.")
    assert line.endswith("--resume run --epochs 2`")
    assert report == "its report is missing; write it with `tools/report.py run`"
    assert {path: path.read_bytes() for path in (tmp_path / "run").glob("[!.]*")} == before


def test_a_run_that_lost_its_patience_is_finished_too(data: Path, tmp_path: Path) -> None:
    changes = {**ONE, "epochs": 9, "patience": 1, "lr": 1e-9, "warmup_epochs": 0}
    run = run_training(settings(data, tmp_path / "run", **changes))
    with pytest.raises(Finished, match=r"stopped after . epochs, 1 without .* --patience 2`"):
        run_training(*read_command_line(["--resume", str(tmp_path / "run")]))
    words = ["--resume", str(tmp_path / "run"), "--patience", "2"]
    assert run_training(*read_command_line(words)).progress.epoch > run.progress.epoch


def test_what_makes_no_sense_of_a_longer_run_is_refused(data: Path, tmp_path: Path) -> None:
    run_training(settings(data, tmp_path / "run", **{**ONE, "epochs": 2, "limit_batches": 1}))
    for words, message in (
        (["--epochs", "1"], "--epochs is 1, but 2 epochs of .* are done or begun; give 3 or more"),
        (["--epochs", "5", "--schedule-from", "3"], "expected 0 to 2, the epochs that are done"),
        (["--schedule-from", "2"], "expected 0 to below --epochs 2"),
        (["--epochs", "5", "--lr", "1"], "changed --lr"),
    ):
        with pytest.raises(ConfigError, match=message):
            run_training(*read_command_line(["--resume", str(tmp_path / "run"), *words]))
    with pytest.raises(ConfigError, match="--schedule-from is 1, which is for a run that goes on"):
        run_training(settings(data, tmp_path / "new", schedule_from=1))


def test_resuming_keeps_every_point_of_tensorboard(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "run"
    run_training(settings(data, folder, **ONE, tensorboard=True))
    run_training(*read_command_line(["--resume", str(folder), "--epochs", "2"]))
    events = EventAccumulator(str(folder))
    events.Reload()
    assert [point.step for point in events.Scalars("train/loss")] == [2, 4, 6, 8, 10, 12]
    assert [point.step for point in events.Scalars("val/loss")] == [6, 12]


def test_weights_alone_are_taken_from_a_run_folder(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = {**ONE, "limit_batches": 1}
    run_training(settings(data, tmp_path / "a", **quick))
    capsys.readouterr()
    started: list[dict[str, torch.Tensor]] = []
    build = headrace.train.opening.learning.build_optimizer

    def spy(model: torch.nn.Module, optim: OptimConfig) -> torch.optim.Optimizer:
        started.append({key: value.clone() for key, value in model.state_dict().items()})
        return build(model, optim)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headrace.train.opening.learning, "build_optimizer", spy)
        run_training(settings(data, tmp_path / "b", **quick, weights=str(tmp_path / "a")))
    best = load_checkpoint(tmp_path / "a/best.pt")["weights"]
    assert all(torch.equal(best[key], started[0][key]) for key in best)
    assert f"taken from {tmp_path / 'a'}" in capsys.readouterr().out
    assert [row["epoch"] for row in rows(tmp_path / "b", "epoch")] == [0]
