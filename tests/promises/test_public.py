"""The public way in: what `headrace` exports is listed once, is there, and is documented."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typing_extensions import assert_type

import headrace
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import make_records, samples

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
        headrace.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_every_name_is_documented() -> None:
    page = (ROOT / "docs/python.md").read_text()
    missing = [name for name in headrace.__all__ if f"`{name}" not in page]
    assert missing == []


def test_the_types_are_whole(tmp_path: Path) -> None:
    """mypy, which reads this as a user's code, sees what each name is through the lazy imports."""
    file = tmp_path / "a.beton"
    make_records(file, samples(3)).close()
    assert assert_type(headrace.RunConfig().data.batch_size, int) > 0
    with headrace.Records.open(file) as records:
        assert_type(records, Records)
    with headrace.open_loader(file, size=32) as loader:
        assert_type(loader, PlannedLoader)


def test_opening_records_needs_no_torch() -> None:
    code = "import sys; from headrace import ConfigError; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
