"""What neither the tests nor a run may depend on: a terminal, the foreground, the wall clock."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_code import parsed

ROOT = Path(__file__).resolve().parents[2]
IN_THE_BACKGROUND = """
import os, signal, subprocess, sys
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, (number,))
import tests.conftest
for number in (signal.SIGINT, signal.SIGTERM):
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; print(flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )
    child.stdout.readline()
    child.send_signal(number)
    print(child.wait(30))
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="masks are POSIX")
def test_what_tests_interrupt_ends_in_the_background_too() -> None:
    """As a shell's background job, or below a server that keeps signals away: without a terminal,
    in a session of its own."""
    run = subprocess.run(
        [sys.executable, "-c", IN_THE_BACKGROUND],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert run.stdout.split() == [str(-signal.SIGINT), str(-signal.SIGTERM)], run.stderr


def test_no_duration_is_taken_from_the_clock_on_the_wall() -> None:
    """It may be set back while a run goes on. What is written down as a date may come from it."""
    found = set()
    for folder in ("pipeline", "augment", "train", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr in ("time", "time_ns", "now"):
                    of = node.value
                    if isinstance(of, ast.Name) and of.id in ("time", "datetime"):
                        found.add(path.relative_to(ROOT).as_posix())
                if isinstance(node, ast.ImportFrom) and node.module == "time":
                    found |= {str(path) for name in node.names if name.name in ("time", "time_ns")}
    # A date for each point, and a number that is used once.
    assert found <= {"train/trackers/of_mlflow.py", "train/reporting/page.py"}


def test_links_in_circles_are_no_errors() -> None:
    """Path.resolve and expanduser are errors for paths that a user may give."""
    allowed = {"pipeline/user_paths.py"}
    for folder in ("pipeline", "augment", "train", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8").replace("Path(__file__).resolve()", "")
            if path.relative_to(ROOT).as_posix() not in allowed:
                assert ".resolve()" not in text and ".expanduser()" not in text, path
