"""Kept rows: given back for what they were asked for, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.bench.core.kept_row import keep_row, kept_row
from headrace.pipeline.errors import ConfigError


def test_a_row_comes_back_for_what_was_asked(tmp_path: Path) -> None:
    asked = {"epochs": 2, "out": tmp_path, "sizes": (1, 2), "none": None}
    assert kept_row(tmp_path / "run", asked) is None
    assert keep_row(tmp_path / "run", asked, {"accuracy": 0.5}) == {"accuracy": 0.5}
    assert kept_row(tmp_path / "run", asked) == {"accuracy": 0.5}


def test_a_row_of_other_settings_is_refused(tmp_path: Path) -> None:
    keep_row(tmp_path / "run", {"epochs": 2, "lr": 0.1, "a": 1, "b": 2}, {"accuracy": 0.5})
    with pytest.raises(ConfigError, match=r"\(epochs was 2, now 3\): give another --out"):
        kept_row(tmp_path / "run", {"epochs": 3, "lr": 0.1, "a": 1, "b": 2})
    with pytest.raises(ConfigError, match=r"a was 1, now None, b was 2, now None, .* and 1 more"):
        kept_row(tmp_path / "run", {"epochs": 3})


def test_a_row_that_does_not_say_what_was_asked_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"accuracy": 0.5}')
    with pytest.raises(ConfigError, match="does not say which settings"):
        kept_row(tmp_path / "run", {"epochs": 2})
