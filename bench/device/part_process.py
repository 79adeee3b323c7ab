"""Runs one part of a section in a process of its own, and says how that ended.

A crash, a hang or a refusal of one part is a row of the result, and the others go on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import headrace
from headrace.bench.device.job import Job, Row

ROOT = Path(headrace.__file__).resolve().parents[1]
"""Where `headrace` is, a checkout or the installed packages."""
_LAST_WORDS = 300  # characters of stderr that are told of a process that failed


def run_part(
    section: str, part: str, job: Job, limit_s: float, log: Path, tell: Callable[[Row], None]
) -> None:
    """Runs a part to its end, or until `limit_s` are over.

    Args:
        log: where its stderr goes.
        tell: gets each row as it comes, and one more if the process did not end well.
    """
    command = [sys.executable, "-m", "headrace.bench.device.child"]
    command += [section, part, job.to_text(), str(os.getpid())]
    environment = {**os.environ, "PYTHONPATH": _search_path(), "PYTHONFAULTHANDLER": "1"}
    began, last = time.perf_counter(), ""

    def read(process: subprocess.Popen[bytes]) -> None:
        nonlocal last
        assert process.stdout is not None
        for line in process.stdout:
            row = _row(line)
            if row is not None:
                last = row["what"]
                tell(row)

    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    reader = threading.Thread(target=read, args=(process,))
    reader.start()
    overdue = False
    try:
        status = process.wait(limit_s)
    except subprocess.TimeoutExpired:
        overdue = True
    finally:
        _kill(process)  # and what it has started, which may hold the pipe open
        status = process.wait()
        reader.join()
    reason = ""
    if overdue:
        reason = f"ended after its limit of {limit_s:.0f} s"
    elif status < 0:
        reason = f"killed by {signal.Signals(-status).name}"
    elif status:
        reason = f"ended with status {status}"
    if reason:
        words = _last_line(log)
        behind = f" after {last!r}" if last else ""
        note = f"{reason}{behind}{f': {words}' if words and not overdue else ''}"
        tell({"what": part, "ok": False, "note": note, "log": log.name})
    tell({"what": part, "seconds": time.perf_counter() - began})


def _row(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and "what" in row else None


def _search_path() -> str:
    """Ours first, as the parent has it."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])])


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and all that it started; does nothing where none is left."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        elif process.poll() is None:
            process.kill()
    except ProcessLookupError:
        pass


def _last_line(log: Path) -> str:
    """The last line of a log that says something of an error, else the last one."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if line.split(":")[0].endswith(("Error", "error", "Exception"))]
    return (told or lines or [""])[-1][:_LAST_WORDS]
