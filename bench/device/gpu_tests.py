"""The tests of tests/gpu, each file in a process of its own; those that decode with DALI apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from headrace.bench.device.job import Job, Row
from headrace.pipeline.errors import MissingPackageError

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "gpu"
_DALI = "dali"
"""A crash of its decoder must not take the other loaders' tests with it."""


def parts(job: Job) -> list[str]:
    files = sorted(FOLDER.glob("test_*.py"))
    return [*(file.stem.removeprefix("test_") for file in files), _DALI]


def run(part: str, job: Job) -> Iterator[Row]:
    """A row for each test that failed or was left out, and one that counts the others.

    Raises:
        MissingPackageError: where there are no tests, as in an installed wheel, or no pytest.
    """
    if not FOLDER.is_dir():
        raise MissingPackageError("tests/gpu is part of a checkout; run this from one")
    try:
        import pytest
    except ImportError:
        raise MissingPackageError("pytest is not installed: pip install pytest") from None
    chosen = [str(FOLDER)] if part == _DALI else [str(FOLDER / f"test_{part}.py")]
    which = _DALI if part == _DALI else f"not {_DALI}"
    arguments = [*chosen, "-k", which, "-p", "no:cacheprovider", "-ra", f"--rootdir={ROOT}"]
    outcomes = _Outcomes()

    def test() -> None:
        outcomes.rows.put({"status": int(pytest.main(arguments, plugins=[outcomes]))})
        outcomes.rows.put(None)

    Thread(target=test, daemon=True).start()
    passed = 0
    status = 0
    while (row := outcomes.rows.get()) is not None:
        if "status" in row:
            status = row["status"]
        elif row.get("ok"):
            passed += 1
        else:
            yield row
    nothing = 5  # pytest's status where no test was chosen
    yield {"what": f"{part}: passed", "value": passed, "unit": "tests"}
    if status not in (0, 1, nothing):
        yield {"what": part, "ok": False, "note": f"pytest ended with status {status}"}


class _Outcomes:
    """A plugin of pytest's: what became of each test."""

    def __init__(self) -> None:
        self.rows: SimpleQueue[dict[str, Any] | None] = SimpleQueue()

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = report.nodeid.rpartition("/")[2].removeprefix("test_")
        if report.failed:
            lines = str(report.longrepr).strip().splitlines()
            told = [line[1:].strip() for line in lines if line.startswith("E ")]
            note = " ".join((told or lines)[:2])[:300]
            self.rows.put({"what": name, "ok": False, "note": note})
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "skipped"
            self.rows.put({"what": name, "missing": reason.removeprefix("Skipped: ")})
        elif report.when == "call":
            self.rows.put({"what": name, "ok": True})
