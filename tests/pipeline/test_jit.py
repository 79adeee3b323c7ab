"""Kernels kept on disk run what their sources say now, also those of other files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

INNER = """
from headrace.pipeline.jit import compiled

@compiled()
def inner(x):
    return x + {}
"""
OUTER = """
from headrace.pipeline.jit import compiled
from inner import inner

@compiled()
def outer(x):
    return 10 * inner(x)
"""
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from outer import outer
print(outer(1), sum(outer.stats.cache_hits.values()))
"""


def run(folder: Path) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


def test_an_edit_of_a_kernel_reaches_its_callers_in_other_files(tmp_path: Path) -> None:
    (tmp_path / "inner.py").write_text(INNER.format(1))
    os.utime(tmp_path / "inner.py", (1e9, 1e9))  # Python takes two of one second and size for one
    (tmp_path / "outer.py").write_text(OUTER)
    assert run(tmp_path) == [20, 0]
    assert run(tmp_path) == [20, 1], "kept on disk"
    (tmp_path / "inner.py").write_text(INNER.format(2))
    assert run(tmp_path) == [30, 0], "compiled anew"
    assert run(tmp_path) == [30, 1]
