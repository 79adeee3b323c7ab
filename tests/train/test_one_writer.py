"""Two runs and one folder: one of them gets it, and its files are those of an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import headrace.train.loop
from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.train.command_line import read_command_line
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.folder_lock import LOCK_NAME, lock_folder
from headrace.train.processes.stop import StopRequest
from headrace.train.run import run_training
from headrace.train.state import Run
from headrace.train.step import optimise
from tests.train.test_world import free_port
from tests.train.tiny_runs import assert_same_run, rows, settings

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, str(ROOT / "train/run.py")]
FREE = ("out", "save_every", "overwrite")
FILES = {"config.yaml", "metrics.jsonl", "log.txt", "best.pt", "last.pt"}


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_training(settings(data, folder))
    return folder


@pytest.fixture(scope="module")
def stopped(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, stopped after three steps."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    asked = iter(range(1, 100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StopRequest, "agreed", lambda *rest, **named: next(asked) == 3)
        with pytest.raises(Interrupted):
            run_training(settings(data, folder))
    return folder


def races(base: Path, data: Path, stopped: Path, whole: Path, seeds: range) -> None:
    command = [sys.executable, "-m", "tests.train.racing_runs", str(base), str(data), str(stopped)]
    done = subprocess.run([*command, *map(str, seeds)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [line for line in done.stdout.splitlines() if line.startswith("RACE ")]
    assert len(found) == len(seeds)
    for seed, line in zip(seeds, found, strict=True):
        ends = json.loads(line.removeprefix("RACE "))
        assert sorted(end["status"] for end in ends) == ["done", "refused"], (seed, ends)
        refused = next(end for end in ends if end["status"] == "refused")
        assert "is being written by another run" in refused["told"], (seed, ends)
        if not refused["at_once"]:
            assert refused["number"] == 1, (seed, ends)
            assert not refused["changed"], (seed, ends)
        folder = base / str(seed)
        assert {p.name for p in folder.iterdir()} == FILES, seed
        assert_same_run(whole, folder, FREE)
        assert len(rows(folder, "end")) == 1, seed


def test_one_of_two_runs_gets_the_folder_and_is_not_disturbed(
    data: Path, stopped: Path, whole: Path, tmp_path: Path
) -> None:
    races(tmp_path, data, stopped, whole, range(6))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(6, 56, 10))
def test_one_of_two_runs_gets_the_folder_whenever_they_meet(
    first: int, data: Path, stopped: Path, whole: Path, tmp_path: Path
) -> None:
    races(tmp_path, data, stopped, whole, range(first, first + 10))


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def wait_for(text: str, path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not (path.exists() and text in path.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def flags(data: Path) -> list[str]:
    found = []
    for flag in (
        "--loader torchvision --model timm:test_resnet --size 32 --batch-size 8 --device cpu "
        "--amp off --recipe flip --no-tensorboard --log-every 1 --workers 1"
    ).split():
        found.append(flag)
    return [*found, "--data", str(data)]


def test_a_live_run_is_left_alone_and_a_killed_one_goes_on(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    new = [*RUN, *flags(data), "--out", str(out), "--epochs", "4000"]
    live = subprocess.Popen(new, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for('"epoch": 1, "step": 1', out / "metrics.jsonl", live)
    live.send_signal(signal.SIGSTOP)  # so that only the others could change anything
    assert os.WIFSTOPPED(os.waitpid(live.pid, os.WUNTRACED)[1])  # once all its threads have
    (out / ".last.pt.0badcafe").write_bytes(b"as if killed in the middle of a save")
    before = content(out)
    line = f"{out} is being written by another run (process {live.pid}); wait for it or stop it"
    other = subprocess.run(new, capture_output=True, text=True, timeout=240)
    assert (other.returncode, other.stderr) == (2, f"error: {line}\n")
    for words in ([*new[len(RUN) :], "--overwrite"], ["--resume", str(out)]):
        with pytest.raises(ConfigError) as refusal:
            run_training(*read_command_line(words))
        assert str(refusal.value) == line
    assert content(out) == before
    live.kill()
    live.communicate()
    assert (out / LOCK_NAME).exists()
    resumed = subprocess.Popen([*RUN, "--resume", str(out)], stderr=subprocess.PIPE, text=True)
    wait_for('"epoch": 2, "step": 1', out / "metrics.jsonl", resumed)
    assert not (out / ".last.pt.0badcafe").exists()
    resumed.send_signal(signal.SIGINT)
    _, errors = resumed.communicate(timeout=240)
    assert resumed.returncode == 130
    assert "interrupted: saved at epoch" in errors
    assert {p.name for p in out.iterdir()} == FILES
    steps = [row["global_step"] for row in rows(out, "step")]
    assert steps == list(range(1, len(steps) + 1))
    assert load_checkpoint(out)["progress"]["global_step"] == steps[-1]


def test_every_process_of_a_run_hears_of_the_refusal(data: Path, tmp_path: Path) -> None:
    """Started by hand and not by torchrun, which would end those that wait for rank 0."""
    out = tmp_path / "run"
    out.mkdir()
    (out / "config.yaml").write_text("")
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    with lock_folder(out):
        ranks = [
            subprocess.Popen(
                [*RUN, *flags(data), "--out", str(out)],
                env={**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(2)
        ]
        try:
            for rank in ranks:
                _, errors = rank.communicate(timeout=200)
                assert rank.returncode == 2, errors
                assert f"(process {os.getpid()}); wait for it or stop it" in errors
        finally:
            for rank in ranks:
                rank.kill()
                rank.wait()
    assert {p.name for p in out.iterdir()} == {"config.yaml"}


class Crash(BaseException):
    """Ends a run at once."""


def crash_at(step: int, patch: pytest.MonkeyPatch) -> None:
    def crashing(run: Run, images: torch.Tensor, targets: torch.Tensor) -> None:
        if run.progress.global_step == step:
            raise Crash
        optimise(run, images, targets)

    patch.setattr(headrace.train.loop, "optimise", crashing)


def test_a_run_killed_before_its_first_checkpoint_begins_anew(
    data: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        crash_at(4, patch)
        with pytest.raises(Crash):
            run_training(settings(data, folder))
    assert {p.name for p in folder.iterdir()} == {"config.yaml", "metrics.jsonl"}
    (folder / "best.pt").write_text("saved just before the end")
    with pytest.raises(ConfigError, match=f"continue it with `.*train.* --resume {folder}"):
        run_training(settings(data, folder))
    with pytest.raises(ConfigError, match=r"changed --seed \(was 0, now 5\)"):
        run_training(*read_command_line(["--resume", str(folder), "--seed", "5"]))
    assert rows(folder, "step")
    capsys.readouterr()
    run_training(*read_command_line(["--resume", str(folder), "--log-every", "2"]))
    said = [line for line in capsys.readouterr().out.splitlines() if "no last.pt" in line]
    assert said == [
        f"{folder} holds no last.pt, as the run ended before it was first saved: it starts again "
        "at epoch 1, with the settings in its config.yaml"
    ]
    assert_same_run(whole, folder)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_run_that_lost_its_last_pt_is_not_begun_anew(
    epochs: int, data: Path, tmp_path: Path
) -> None:
    """As where somebody makes room, and keeps the weights alone."""
    folder = tmp_path / "run"
    run_training(settings(data, folder, epochs=epochs))
    (folder / "last.pt").unlink()
    before = content(folder)
    line = f"{folder} has lost its last.pt: .* {epochs} epochs?, .* --weights {folder}/best.pt"
    for words in (["--resume", str(folder)], ["--resume", str(folder), "--epochs", "3"]):
        with pytest.raises(ConfigError, match=line):
            run_training(*read_command_line(words))
    again = ["--data", str(data), "--out", str(folder), "--resume", "auto", "--size", "32"]
    with pytest.raises(ConfigError, match=line):
        run_training(*read_command_line(again))
    assert content(folder) == before


def test_a_run_whose_folder_went_to_another_stops_at_its_next_save(
    data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"

    def robbed(run: Run, images: torch.Tensor, targets: torch.Tensor) -> None:
        if run.progress.global_step == 1:
            (folder / LOCK_NAME).unlink()
            (folder / LOCK_NAME).write_text("another run's")
        optimise(run, images, targets)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headrace.train.loop, "optimise", robbed)
        with pytest.raises(Exception, match="given to another run while this one was going"):
            run_training(settings(data, folder))
    assert not (folder / "best.pt").exists()
    assert (folder / LOCK_NAME).read_text() == "another run's"
