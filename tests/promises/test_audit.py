"""What pip-audit reports is told for what it is: no answer is no good answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.promises.audit import main, verdict

SOUND: dict[str, Any] = {"name": "tqdm", "version": "4.66.3", "vulns": []}
SILENT: dict[str, Any] = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}
KNOWN: dict[str, Any] = {
    "name": "pillow",
    "version": "10.0.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["10.0.1"]}],
}


@pytest.mark.parametrize(
    ("packages", "status", "lines"),
    [
        ([SOUND], 0, ["0 known vulnerabilities in the 1 packages asked about"]),
        (
            [SOUND, KNOWN],
            1,
            [
                "pillow 10.0.0: PYSEC-1, CVE-1; mended in 10.0.1",
                "1 known vulnerabilities in the 2 packages asked about",
            ],
        ),
        (
            [SILENT],
            2,
            [
                "0 known vulnerabilities in the 0 packages asked about",
                "1 packages got no answer, of which nothing is known: torch",
            ],
        ),
        ([KNOWN, SILENT], 1, None),
        ([SOUND, SILENT], 0, None),
        ([], 2, None),
    ],
)
def test_a_report_comes_to(
    packages: list[dict[str, Any]], status: int, lines: list[str] | None
) -> None:
    found = verdict(packages)
    assert found[0] == status
    assert lines is None or found[1] == lines


def test_many_silent_packages_are_not_all_named() -> None:
    lines = verdict([SILENT] * 9)[1]
    assert lines[-1].startswith("9 packages") and lines[-1].endswith("torch, ...")


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        (json.dumps({"dependencies": [SOUND, {**SILENT, "name": "headrace"}]}), 0, "in the 1 "),
        ("{}", 2, "pip-audit gave no report (status 0): nothing"),
        ("", 2, "pip-audit gave no report"),
    ],
)
def test_the_command_is_asked_about_this_python(
    said: str, status: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in = tmp_path / "audit.py"
    stand_in.write_text(f"import sys\nassert '--path' in sys.argv\nprint({said!r})\n")
    assert main([sys.executable, str(stand_in)]) == status
    assert told in capsys.readouterr().out
