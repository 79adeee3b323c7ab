"""The resampler gets addresses: it touches no byte outside of what they are of."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no mprotect there")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.pipeline.guarded_resizing", *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("count", [400, pytest.param(20_000, marks=pytest.mark.slow)])
def test_not_a_byte_outside(count: int) -> None:
    ended = run("1", str(count))
    assert ended.returncode == 0, (ended.stdout[-200:], ended.stderr[-2000:])
    assert f"{count} resized" in ended.stdout


def test_a_byte_outside_is_noticed() -> None:
    assert run("touch", "0").returncode == 0
    assert run("touch", "1").returncode == -signal.SIGSEGV
