"""A folder packed by the command, as a reader of the examples packs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def pack(folder: Path, out: Path) -> None:
    command = [sys.executable, "-m", "headrace", "pack", str(folder), str(out)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
