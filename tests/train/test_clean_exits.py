"""A finished run of two processes exits 0, again and again, on a busy machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.train.test_world import NEEDS_GROUP, ROOT


@NEEDS_GROUP
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks processes that have imported torch")
def test_every_process_of_many_runs_exits_0(data: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.train.many_exits", str(data), str(tmp_path), "40"]
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        # NumPy's OpenBLAS would start a thread at import, and a process with two is not forked.
        alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=alone)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert done.returncode == 0, done.stderr
    line = done.stdout.splitlines()[-1]
    found = json.loads(line.removeprefix("EXITS "))
    assert found == {"runs": 40, "ends": {"0": 80}}, list(tmp_path.glob("*.log"))
