"""Two processes with workers of their own, ended by SIGTERM: no traceback, nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from headrace.train.folder.checkpoint import load_checkpoint
from tests.train.test_world import NEEDS_GROUP, free_port

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--loader torchvision --workers 1 --model timm:test_resnet --size 32 --batch-size 8 --device "
    "cpu --amp off --recipe flip --no-tensorboard --log-every 1 --epochs 4000"
).split()


def start(arguments: list[str]) -> list[subprocess.Popen[str]]:
    """Both ranks, as torchrun would start them."""
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    return [
        subprocess.Popen(
            [sys.executable, str(ROOT / "train/run.py"), *arguments],
            env={**os.environ, **group, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]


@NEEDS_GROUP
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_sigterm_ends_all_ranks_with_a_run_that_goes_on(data: Path, tmp_path: Path) -> None:
    """Sent to one rank, and to all that belongs to it, as a cluster does."""
    log, out = tmp_path / "run/log.txt", tmp_path / "run"
    ranks = start(["--data", str(data), "--out", str(out), *FLAGS])
    try:
        deadline = time.monotonic() + 200
        while not (log.exists() and len(log.read_text().splitlines()) > 1):
            assert all(rank.poll() is None for rank in ranks), ranks[0].communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        others = psutil.Process(ranks[1].pid).children(recursive=True)
        for pid in (ranks[1].pid, *(process.pid for process in others)):
            os.kill(pid, signal.SIGTERM)
        texts = [rank.communicate(timeout=100) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()
    for rank, (_, errors) in zip(ranks, texts, strict=True):
        assert rank.returncode == 130, errors
        assert "Traceback" not in errors
        assert errors.splitlines()[-1].startswith("interrupted: saved at epoch ")
    assert not psutil.wait_procs(others, timeout=60)[1]
    saved = load_checkpoint(out)["progress"]
    assert saved["global_step"] == 6 * saved["epoch"] + saved["step"] > 6
    assert len(log.read_text().splitlines()) == saved["epoch"]
