"""A plugin of pytest's that says what becomes of each test as JSON lines on stdout.

`pytest -p headrace.bench.device.outcomes`; other lines are pytest's own.
"""

from __future__ import annotations

import json
import os
from typing import Any

# While pytest has not yet taken stdout for itself.
_lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
_LONGEST = 300


def pytest_runtest_logstart(nodeid: str, location: Any) -> None:
    _tell(test=_name(nodeid), outcome="begun")


def pytest_runtest_logreport(report: Any) -> None:
    if report.failed:
        lines = str(report.longrepr).strip().splitlines()
        told = [line[1:].strip() for line in lines if line.startswith("E ")]
        text = " ".join((told or lines)[:3])[:_LONGEST]
        _tell(test=_name(report.nodeid), outcome="failed", text=text)
    elif report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "skipped"
        text = reason.removeprefix("Skipped: ")
        _tell(test=_name(report.nodeid), outcome="skipped", text=text)
    elif report.when == "call":
        _tell(test=_name(report.nodeid), outcome="passed")


def _name(nodeid: str) -> str:
    return nodeid.rpartition("/")[2].removeprefix("test_")


def _tell(**what: str) -> None:
    _lines.write(f"\n{json.dumps(what)}\n")  # behind pytest's dots
    _lines.flush()
