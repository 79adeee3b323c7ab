"""A disk that is full when a checkpoint is written: one line, nothing half, and resumed later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.run import run_training
from tests.train.tiny_runs import settings

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1 << 19
"""Bytes of a file at most: room for settings and journal, not for weights."""
TRAIN = """
import resource, sys
from pathlib import Path
from headrace.pipeline.command_line import run_command
from headrace.train.run import run_training
from tests.train.tiny_runs import settings

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
run_command(lambda: run_training(settings(Path(sys.argv[1]), Path(sys.argv[2]), epochs=1)) and 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size there")
def test_a_full_disk_is_one_line_and_leaves_nothing_half(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run = subprocess.run(
        [sys.executable, "-c", TRAIN, str(data), str(folder), str(LIMIT)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode in (1, 2), run.stderr
    assert "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1].startswith(f"error: cannot write {folder}")
    assert not list(folder.glob("*.pt")) and not list(folder.glob(".*.pt*"))
    run_training(settings(data, folder, epochs=1), resume="auto")
    assert load_checkpoint(folder)["progress"]["epoch"] == 1
