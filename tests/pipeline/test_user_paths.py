"""A home folder, or none, as the user of a container may have it; links that lead nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.pipeline.output_files import check_apart, check_writable, written
from headrace.pipeline.user_paths import cache_folder, expanded, home, resolved

ROOT = Path(__file__).resolve().parents[2]
NO_HOME = """
import pathlib, pwd
def unknown(number):
    raise KeyError(number)
pwd.getpwuid = unknown
"""


def run(code: str, folder: Path) -> list[str]:
    """What code prints for a user whom the system does not know."""
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-c", NO_HOME + code]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.skipif(sys.platform == "win32", reason="users of POSIX")
def test_a_user_without_a_home(tmp_path: Path) -> None:
    code = (
        "from headrace.pipeline.user_paths import cache_folder, home\n"
        "from headrace.pipeline.command_line import run_command\n"
        "print(home(), cache_folder())\n"
        "run_command(lambda: print(pathlib.Path.home()))"
    )
    assert run(code, tmp_path) == ["/ /.cache/headrace", "/"]


@pytest.mark.skipif(sys.platform == "win32", reason="users of POSIX")
def test_machine_code_and_plots_need_no_home(tmp_path: Path) -> None:
    pytest.importorskip("bokeh")
    code = (
        "from headrace.pipeline.command_line import run_command\n"
        "from headrace.pipeline.resampling.machine_code import _folders\n"
        "from headrace.train.reporting.plotting import check_plots\n"
        "print(len(_folders()))\n"
        "run_command(check_plots)"
    )
    assert run(code, tmp_path) == ["2"]
    assert not list(tmp_path.iterdir())


def test_where_what_is_kept_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "headrace"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_folder() == home() / ".cache/headrace"


def test_an_unknown_user_is_left_in_a_path() -> None:
    assert expanded("~/x.py") == home() / "x.py"
    assert expanded("~nobody-of-this-name/x.py") == Path("~nobody-of-this-name/x.py")
    assert expanded(Path("x~.py")) == Path("x~.py")


def test_a_link_in_a_circle_is_a_name_to_write_to(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert resolved(loop) == loop
    check_writable(loop)
    check_apart({"--csv": str(loop)}, [str(tmp_path / "run")])
    with written(loop) as file:
        file.write(b"answer")
    assert loop.read_bytes() == b"answer" and not loop.is_symlink()
