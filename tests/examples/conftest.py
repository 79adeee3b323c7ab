"""The sample data set, small, as a folder and packed."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.tools.sample import SampleConfig, make_sample
from tests.examples.packed import pack


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with food/ and food.beton: eleven classes, 88 images to learn from."""
    place = tmp_path_factory.mktemp("sample")
    make_sample(SampleConfig(train=88, valid=33, test=11, size=96), place / "food", workers=1)
    pack(place / "food", place / "food.beton")
    return place
