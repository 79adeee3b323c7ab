"""A run that is killed in the middle of an epoch goes on to the bit, whatever decodes for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.run import run_training
from tests.builders import available_loaders
from tests.train.tiny_runs import assert_same_run, rows, settings

ROOT = Path(__file__).resolve().parents[2]
CHANGES = {"epochs": 3, "average": "ema", "accumulate": 2, "workers": 1, "amp": "off"}
KILLED_RUN = """
import os, signal, sys
from pathlib import Path
import torch
import headrace.train.loop
from headrace.train.run import run_training
from tests.train.test_killed_runs import CHANGES
from tests.train.tiny_runs import settings

optimise = headrace.train.loop.optimise

def until_killed(run, images, targets):
    if run.progress.global_step == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    optimise(run, images, targets)

headrace.train.loop.optimise = until_killed
data, out = Path(sys.argv[1]), Path(sys.argv[2])
run_training(settings(data, out, **CHANGES, loader=sys.argv[3], save_every=2))
"""
SAMPLE = "native"
LOADERS = [
    name if name == SAMPLE else pytest.param(name, marks=pytest.mark.slow)
    for name in available_loaders()
]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
@pytest.mark.parametrize("name", LOADERS)
def test_kill_9_and_resume(name: str, data: Path, tmp_path: Path) -> None:
    """With an average of the weights and batches in parts; six steps are an epoch."""
    whole, folder = tmp_path / "whole", tmp_path / "run"
    run_training(settings(data, whole, **CHANGES, loader=name))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, str(data), str(folder), name, "11"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    saved = load_checkpoint(folder)["progress"]
    assert (saved["epoch"], saved["step"]) == (1, 4)
    assert rows(folder, "step")[-1]["global_step"] == 10
    run_training(settings(data, folder, **CHANGES, loader=name, save_every=2), resume=str(folder))
    assert_same_run(whole, folder)
    assert (folder / "log.txt").read_bytes() == (whole / "log.txt").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks processes that have imported torch")
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Few; its command makes more of them."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.many_kills", str(tmp_path / "kills"), "10"],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1].removeprefix("KILLS "))["kills"] >= 10
