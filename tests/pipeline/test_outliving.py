"""What is written to nobody is lost, and ends nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.pipeline.outliving import outliving_readers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no poll of a pipe there")
ROOT = Path(__file__).resolve().parents[2]
LINES = """
import os, sys
from pathlib import Path
from headrace.pipeline.bars import bar
from headrace.pipeline.command_line import run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.outliving import outliving_readers

def main():
    print("before")
    with outliving_readers():
        print("while", flush=True)
        sys.stdin.read()  # until the reader has gone
        with bar(total=2, mininterval=0) as shown:
            for step in range(2):
                print("x" * 10000, flush=True)
                shown.update()
        print("left in a buffer")
    Path(sys.argv[1]).touch()
    print("behind it")
    raise ConfigError("wrong")

run_command(main)
"""


@pytest.mark.parametrize("gone", ["pipe", "terminal"])
def test_a_command_goes_on_without_its_reader(gone: str, tmp_path: Path) -> None:
    ours, theirs = os.pipe() if gone == "pipe" else os.openpty()
    done = tmp_path / "done"
    process = subprocess.Popen(
        [sys.executable, "-c", LINES, str(done)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said = b""
    while b"while" not in said:
        said += os.read(ours, 4096)
    assert said.split() == [b"before", b"while"]
    os.close(ours)
    process.communicate(timeout=60)
    assert process.returncode == 2, "what the command ends with, not what its output does"
    assert done.exists()


def test_a_full_disk_is_still_told() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no disk that is always full there")
    script = LINES.replace("sys.stdin.read()", "pass")
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-c", script, "none"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert "No space left on device; make room there" in done.stderr


def test_a_callers_own_streams_stay(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with outliving_readers():
        assert (sys.stdout, sys.stderr) == before
        print("seen")
    assert capsys.readouterr().out == "seen\n"
