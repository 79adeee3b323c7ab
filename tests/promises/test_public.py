"""The public way in: what `headrace` exports is listed once, is there, and is documented."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import headrace

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_listed_is_there() -> None:
    assert sorted(headrace.__all__) == sorted([*headrace._HOMES, "__version__"])
    for name in headrace.__all__:
        assert getattr(headrace, name) is not None
        if name != "__version__":
            assert (getattr(headrace, name).__doc__ or "").strip(), f"{name} has no docstring"
    assert set(dir(headrace)) == set(headrace.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'headrace' has no attribute 'nothing'"):
        headrace.nothing  # noqa: B018


def test_every_name_is_documented() -> None:
    page = (ROOT / "docs/python.md").read_text()
    missing = [name for name in headrace.__all__ if f"`{name}" not in page]
    assert missing == []


def test_the_types_are_whole() -> None:
    """A user's type checker sees what each name is, through the lazy imports."""
    code = (
        "import headrace\n"
        "reveal_type(headrace.open_loader)\nreveal_type(headrace.Records.open)\n"
        "reveal_type(headrace.RunConfig().data.size)\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert "PlannedLoader" in run.stdout and "headrace.pipeline.planned" in run.stdout
    assert "-> headrace.pipeline.records.Records" in run.stdout
    assert "int" in run.stdout.splitlines()[2]


def test_opening_records_needs_no_torch() -> None:
    code = "import sys; from headrace import ConfigError; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
