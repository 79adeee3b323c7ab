"""A record file that is removed, or replaced by renaming, while a loader reads it: what is mapped
stays, so that the loader goes on; nobody gets bytes of another file by the tables of this one.

A file that is cut short in place is in test_lifetime.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.planned import PlannedLoader
from tests.builders import available_loaders, make_records, samples

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="mapped files are locked there")


def removed(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    other = path.with_name("other.beton")
    make_records(other, samples(30, seed=9)).close()
    os.replace(other, path)  # noqa: PTH105


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.beton"
    make_records(path, samples(24)).close()
    os.utime(path, (1e9, 1e9))  # a change within a tick of the system's clock would not show
    return path


def opened(file: Path, name: str) -> PlannedLoader:
    return open_loader(file, loader=name, size=24, batch_size=5, workers=1)


def images(loader: PlannedLoader, epoch: int) -> list[torch.Tensor]:
    return [batch.images.clone() for batch in loader.epoch(epoch)]


@pytest.mark.parametrize("change", [removed, replaced])
@pytest.mark.parametrize("name", available_loaders())
def test_what_is_being_read_stays(file: Path, name: str, change: Callable[[Path], None]) -> None:
    with opened(file, name) as loader:
        right = [images(loader, epoch) for epoch in (0, 1)]
        epoch = loader.epoch(0)
        found = [next(epoch).images.clone()]
        change(file)
        found += [batch.images.clone() for batch in epoch]
        for seen, known in zip([found, images(loader, 1)], right, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(seen, known, strict=True))


def replaced_by_its_like(path: Path) -> None:
    """Of the same length, byte for byte, so that nothing but the file itself tells."""
    other = path.with_name("other.beton")
    other.write_bytes(path.read_bytes())
    os.replace(other, path)  # noqa: PTH105


def written_over(path: Path) -> None:
    """In place, some bytes of a sample."""
    with path.open("r+b") as file:
        file.seek(-9000, os.SEEK_END)
        file.write(b"other bytes")


@pytest.mark.parametrize("change", [removed, replaced, replaced_by_its_like, written_over])
def test_a_worker_that_comes_too_late_says_so(file: Path, change: Callable[[Path], None]) -> None:
    """Worker processes map the file themselves, with the first batch."""
    with opened(file, "torchvision") as loader:
        change(file)
        with pytest.raises(RecordsError, match=r"a\.beton became .* or was .*removed or replaced"):
            images(loader, 0)
