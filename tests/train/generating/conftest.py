"""A tiny pack, and a generator that was trained on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.train.generating.fit import fit
from tests.train.generating.tiny_fits import fit_config
from tests.train.tiny_runs import write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "tiny.beton")


@pytest.fixture(scope="module")
def fitted(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit(fit_config(data, tmp_path_factory.mktemp("fit") / "flow"))
