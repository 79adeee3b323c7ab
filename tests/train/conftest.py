"""What many tests of training need: tiny data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.tiny_runs import write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .beton of three classes, see tiny_runs.py."""
    return write_data(tmp_path_factory.mktemp("data") / "tiny.beton")
