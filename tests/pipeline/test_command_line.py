"""How a command ends: one line and a status, whatever it was."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.pipeline.command_line import called, run_command

ROOT = Path(__file__).resolve().parents[2]


def raising(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


def test_a_command_in_a_folder_that_is_gone_says_so(tmp_path: Path) -> None:
    code = (
        "import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n"
        "from headrace.pipeline.command_line import run_command; run_command(print)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "error: the current folder is gone; change to one that is there\n"


@pytest.mark.parametrize("name", ["simplejpeg", "tyro.conf"])
def test_a_missing_package_is_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = ModuleNotFoundError(f"No module named '{name}'", name=name)
    with pytest.raises(SystemExit) as end:
        run_command(raising(error))
    assert end.value.code == 1
    package = name.partition(".")[0]
    assert f"error: the Python package {package} is not installed" in capsys.readouterr().err


def test_a_missing_module_of_ours_is_a_fault_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_command(raising(ModuleNotFoundError("No module", name="headrace.train.gone")))
    assert "this is a fault of Headrace" in capsys.readouterr().err


def test_a_path_that_begins_like_a_flag_is_shown_as_a_path() -> None:
    assert called("train", "--data", Path("-e.beton")).endswith("train --data ./-e.beton")


@pytest.mark.parametrize("debug", ["", "1"])
@pytest.mark.parametrize(
    "error",
    [
        KeyError("meter"),
        IndexError(),
        OverflowError("int too large\nto convert"),
        RecursionError("maximum recursion depth exceeded"),
        RuntimeError("shape '[3]' is invalid"),
        AssertionError(),
        ValueError("x" * 10_000),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_nobody_has_thought_of_is_one_line(
    error: Exception,
    debug: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HEADRACE_DEBUG", debug)
    with pytest.raises(SystemExit) as end:
        run_command(raising(error))
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert ("Traceback" in said) is (debug == "1")
    last = said.splitlines()[-1]
    assert last.startswith(f"error: {type(error).__name__} in test_command_line.py, line ")
    assert "HEADRACE_DEBUG=1" in last and len(last) < 600
    assert debug or len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA out of memory. Tried to allocate"), MemoryError()], ids=repr
)
def test_no_memory_is_told_in_a_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run_command(raising(error))
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("error: out of memory")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "a.txt"), "a.txt: Permission denied"),
        (OSError(18, "Invalid cross-device link", "a", None, "b"), "a -> b: Invalid cross-device"),
        (OSError(12, "Cannot allocate memory"), "out of memory (Cannot allocate memory); take a"),
        (OSError(9, "Bad file descriptor", 5), "Bad file descriptor"),
        (OSError(2, 3), "3"),
        (OSError("the library's own words"), "the library's own words"),
        (OSError(), "OSError"),
    ],
)
def test_what_the_system_refuses_is_told_with_its_file(
    error: OSError, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run_command(raising(error))
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: {said}")


INTERRUPTED = """
import signal, sys
from headrace.pipeline.command_line import run_command
class Field:
    def __set_name__(self, owner, name):
        signal.raise_signal(int(sys.argv[1]))
def main():
    class Model:
        field = Field()
run_command(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("SIGINT", 130, "interrupted"),
        ("SIGTERM", 143, "terminated"),
        ("SIGHUP", 129, "the terminal has gone"),
    ],
)
def test_an_interruption_of_which_python_makes_an_error(name: str, status: int, said: str) -> None:
    """As it does where a class is being defined, which imports do; 3.12 and later do not."""
    command = [sys.executable, "-c", INTERRUPTED, str(int(getattr(signal, name)))]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (run.returncode, run.stderr) == (status, f"error: {said}\n")


HUNG_UP = """
import os, signal, sys
from headrace.pipeline.command_line import run_command
def main():
    for stream in (1, 2):
        reader, writer = os.pipe()
        os.dup2(writer, stream)
        os.close(writer)
        os.close(reader)
    try:
        signal.raise_signal(signal.SIGHUP)
    finally:
        print("cleared away", flush=True)
        print("cleared away", file=sys.stderr)
        signal.raise_signal(signal.SIGHUP)
        open(sys.argv[1], "w").close()
run_command(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGHUP there")
def test_what_is_half_written_is_cleared_away_behind_a_gone_terminal(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HUNG_UP, str(tmp_path / "cleared")]
    assert subprocess.run(command, cwd=ROOT).returncode == 129
    assert (tmp_path / "cleared").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGHUP there")
def test_a_hangup_that_is_ignored_ends_no_command() -> None:
    """As of nohup."""
    code = """
import signal
from headrace.pipeline.command_line import run_command
signal.signal(signal.SIGHUP, signal.SIG_IGN)
run_command(lambda: signal.raise_signal(signal.SIGHUP))
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


SAYS = """
import sys
from headrace.pipeline.command_line import run_command
run_command(lambda: print(sys.stdout.isatty(), "x" * int(sys.argv[1])))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="streams of a POSIX shell")
@pytest.mark.parametrize("length", [1, 1_000_000])
@pytest.mark.parametrize(
    ("streams", "status", "said"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        (">&- 2>&-", 0, ""),
        ("> /dev/full", 1, "error: cannot write the output: No space left on device; make room"),
    ],
)
def test_output_that_goes_nowhere(length: int, streams: str, status: int, said: str) -> None:
    command = f'"$0" -c "$1" {length} {streams}'
    run = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, SAYS], capture_output=True, text=True, cwd=ROOT
    )
    assert (run.returncode, run.stderr.startswith(said)) == (status, True)
    assert len(run.stderr.splitlines()) == (said != "")


def test_a_command_that_is_told_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["headrace"])
    assert called("train") == "headrace train"
    assert called("train", "--data", Path("my a.beton"), "--folds", 5) == (
        "headrace train --data 'my a.beton' --folds 5"
    )
    monkeypatch.setattr(sys, "argv", ["tools/pack.py"])
    assert called("pack", "in", "OUT.beton") == "tools/pack.py in OUT.beton"
