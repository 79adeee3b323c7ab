"""What many tests of training need: tiny data, and one thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.train.tiny_runs import write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .beton of three classes, see tiny_runs.py."""
    return write_data(tmp_path_factory.mktemp("data") / "tiny.beton")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Images this small cost less than waking a second thread, and far less on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
