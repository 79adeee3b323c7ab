"""Has a child process judge cases, watches it, and gathers what must not be."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.fuzz.damage import Damage, to_text

WALL_S = 60
"""Without an answer for so long a child hangs; of CPU time it has less, see child.py."""
START_S = 300


@dataclass(kw_only=True)
class Report:
    """What became of cases.

    Attributes:
        kinds: how many were refused, had bad samples, or loaded.
        findings: case and what must not be.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[Damage, str]] = field(default_factory=list)


def run_cases(
    cases: Iterable[Damage],
    folder: Path,
    loaders: list[str],
    found: Callable[[Damage, str], None] = lambda damage, finding: None,
    progress: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Judges cases one after another.

    Args:
        folder: with the sound files, as `make_bases` left it; damaged ones are written there.
        loaders: names.
        found: is told each finding as it comes.
        progress: is told how it stands after each case.
    """
    report = Report()
    child: _Child | None = None
    for damage in cases:
        child = child or _Child(folder, loaders)
        answer = child.ask(damage)
        if isinstance(answer, str):  # the end of it
            child.end()
            child = None
            answer = {"kind": "ended", "findings": [answer]}
        report.kinds[answer["kind"]] += 1
        for finding in answer["findings"]:
            report.findings.append((damage, finding))
            found(damage, finding)
        progress(report)
    if child is not None:
        child.end()
    return report


class _Child:
    """A child process, ready for cases."""

    def __init__(self, folder: Path, loaders: list[str]) -> None:
        # One arena of malloc's: each thread's own would reserve 64 MiB of addresses.
        environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"}
        self._noise = (folder / "noise.txt").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.child", str(folder), ",".join(loaders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            text=True,
            env=environment,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert self._process.stdout is not None and self._process.stdin is not None
        self._input: IO[str] = self._process.stdin
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        ready = self._next(START_S)
        if ready != "ready\n":
            self.end()
            raise RuntimeError(f"the child does not start: {ready or self._last_words()}")

    def ask(self, damage: Damage) -> dict | str:
        """What the child answers, or how it ended."""
        try:
            self._input.write(to_text(damage) + "\n")
            self._input.flush()
        except BrokenPipeError:
            pass  # told below
        line = self._next(WALL_S)
        if line is None:
            return f"hangs, no answer in {WALL_S} s"
        if line:
            return dict(json.loads(line))
        status = self._process.wait()
        if status == -signal.SIGPROF:
            return "takes more CPU time than a case may"
        return f"the process ended with {status}: {self._last_words()}"

    def end(self) -> None:
        """Ends the process, if need be by force."""
        self._process.kill()
        self._process.wait()
        self._noise.close()

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            self._lines.put(line)
        self._lines.put("")

    def _next(self, timeout_s: float) -> str | None:
        """A line, "" at the end, None where there is none in time."""
        try:
            return self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _last_words(self) -> str:
        self._noise.seek(0)
        lines = self._noise.read().decode(errors="replace").splitlines()
        return " / ".join(lines[-3:])
