"""The tests of tests/gpu, each file in a process of its own; those that decode with DALI apart."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import headrace
from headrace.bench.device.job import Job, Row
from headrace.pipeline.errors import MissingPackageError
from headrace.pipeline.installed import is_installed
from headrace.pipeline.wording import counted

ROOT = Path(headrace.__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "gpu"
_DALI = "dali"
"""A crash of its decoder must not take the other loaders' tests with it."""
_NOTHING_CHOSEN = 5  # pytest's status


def parts(job: Job) -> list[str]:
    files = sorted(FOLDER.glob("test_*.py"))
    return [*(file.stem.removeprefix("test_") for file in files), _DALI]


def run(part: str, job: Job) -> Iterator[Row]:
    """A row for each test that failed, for each reason to leave tests out, and one that counts.

    Raises:
        MissingPackageError: where there are no tests, as in an installed wheel, or no pytest.
    """
    if not FOLDER.is_dir():
        raise MissingPackageError("tests/gpu is part of a checkout; run this from one")
    if not is_installed("pytest"):
        raise MissingPackageError("pytest is not installed: pip install pytest")
    chosen = [str(FOLDER)] if part == _DALI else [str(FOLDER / f"test_{part}.py")]
    which = _DALI if part == _DALI else f"not {_DALI}"
    plugins = ["-p", "no:cacheprovider", "-p", "headrace.bench.device.outcomes"]
    command = [sys.executable, "-m", "pytest", *chosen, "-k", which, *plugins]
    passed, running, left_out = 0, "", Counter[str]()
    pytest = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert pytest.stdout is not None
    for line in pytest.stdout:
        said = _said(line)
        if said is None:
            sys.stderr.buffer.write(line)
        elif said["outcome"] == "begun":
            running = said["test"]
        elif said["outcome"] == "failed":
            yield {"what": said["test"], "ok": False, "note": said["text"]}
        elif said["outcome"] == "skipped":
            left_out[said["text"]] += 1
        else:
            passed += 1
    sys.stderr.flush()
    for reason, count in left_out.items():
        yield {"what": f"{part}: {counted(count, 'test')}", "missing": reason}
    yield {"what": f"{part}: passed", "value": passed, "unit": "tests"}
    status = pytest.wait()
    if status not in (0, 1, _NOTHING_CHOSEN):
        yield {"what": part, "ok": False, "note": f"{_ended(status)} in or after {running}"}


def _said(line: bytes) -> dict[str, str] | None:
    """What the plugin says; None for pytest's own words."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and "outcome" in said else None


def _ended(status: int) -> str:
    if status < 0:
        return f"pytest was killed by {signal.Signals(-status).name}"
    return f"pytest ended with status {status}"
