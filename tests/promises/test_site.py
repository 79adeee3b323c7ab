"""The documentation site builds without a warning, holds every page, and fetches nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.pipeline.command_line import SCRIPTS
from headrace.tools.documenting.command_pages import page_of
from headrace.tools.documenting.site_hook import API, COPIES, SETTINGS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("material", "mkdocs", "mkdocstrings"):
        pytest.importorskip(package, reason="the extra docs is not installed")
    out = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--quiet",
        "--strict",
        "--site-dir",
        str(out),
    ]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return out


def test_every_page_is_there(site: Path) -> None:
    written = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    made = [*map(page_of, SCRIPTS), API, SETTINGS, *COPIES.values()]
    for page in [*written, *map(Path, made)]:
        assert (site / page.with_suffix(".html")).is_file(), page


def test_the_api_is_filled_in(site: Path) -> None:
    text = (site / "reference/api.html").read_text(encoding="utf-8")
    assert "Opens a loader on packed records" in text
    assert "(B,) int64 record indices" in text  # out of a docstring


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="https?:', text), page
