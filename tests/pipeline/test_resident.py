"""The resident loader's memory budget, and batches that stay whole while they are held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headrace.pipeline.buffers import BufferPool
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders import resident
from tests.builders import make_records, samples, stored


@pytest.fixture
def file(tmp_path: Path) -> Path:
    make_records(tmp_path / "a.beton", samples(20, low=60, high=100), {"train": 12, "val": 8})
    return tmp_path / "a.beton"


def with_free_memory(monkeypatch: pytest.MonkeyPatch, num_bytes: int) -> None:
    monkeypatch.setattr(resident, "free_memory", lambda device: num_bytes)


def test_a_split_too_large_is_kept_smaller(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_free_memory(monkeypatch, 2 * 12 * 3 * 70 * 70)
    with open_loader(file, loader="resident", size=48, batch_size=5) as loader:
        batches = list(loader.epoch(0))
    assert [tuple(b.images.shape) for b in batches] == [(5, 3, 48, 48)] * 2 + [(2, 3, 48, 48)]


def test_nothing_beyond_a_shrunk_image_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images of a few rows, of which one or two are left."""
    white = [stored(np.full((14 + i, 160, 3), 255, np.uint8), "raw") for i in range(8)]
    records = make_records(tmp_path / "flat.beton", white)
    with_free_memory(monkeypatch, 2 * 8 * 3 * 16 * 16)
    empty = torch.empty
    monkeypatch.setattr(resident.torch, "empty", lambda *a, **k: empty(*a, **k).fill_(7))
    with open_loader(
        records, loader="resident", size=16, crop_mode="padded", crop_padding=15, repeats=30
    ) as loader:
        plan = loader.plan(0)
        (batch,) = loader.epoch(0)
    assert plan.targets is not None
    for image, (y, x, height, width) in zip(batch.images, plan.targets.tolist(), strict=True):
        assert (image[:, y : y + height, x : x + width] == 255).all()


def test_a_split_that_cannot_fit_is_refused_with_numbers(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_free_memory(monkeypatch, 1000)
    with pytest.raises(ConfigError, match=r"resident loader needs .* GiB for 12 images at 48 px"):
        open_loader(file, loader="resident", size=48)


def test_auto_takes_resident_where_it_fits_and_says_why(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    open_loader(file, size=32).close()
    assert "loader: resident (the split takes 0.00 GiB of" in capsys.readouterr().out
    with_free_memory(monkeypatch, 1000)
    loader = open_loader(file, size=32)
    assert loader.name == "native"
    assert "loader: native (the split would take" in capsys.readouterr().out


def test_the_gpu_path_gives_the_same_pixels(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix products run on any device; here they stand in for the CPU's kernel."""
    with open_loader(file, loader="resident", size=40, batch_size=8) as loader:
        expected = list(loader.epoch(3))
    backend = resident.ResidentBackend
    monkeypatch.setattr(backend, "_submit_on_cpu", backend._submit_on_device)
    with open_loader(file, loader="resident", size=40, batch_size=8) as loader:
        for got, want in zip(loader.epoch(3), expected, strict=True):
            assert torch.equal(got.indices, want.indices)
            assert (got.images.int() - want.images.int()).abs().max() <= 1
            assert got.images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", ["native", "resident"])
def test_a_batch_that_is_held_is_never_overwritten(file: Path, name: str) -> None:
    with open_loader(file, loader=name, size=24, batch_size=4, split=None) as loader:
        held = [(batch, batch.images.clone()) for e in range(4) for batch in loader.epoch(e)]
        assert all(torch.equal(batch.images, copy) for batch, copy in held)


def test_a_buffer_comes_back_when_nobody_looks_at_it() -> None:
    pool = BufferPool(4, (8, 8), pinned=False)
    first = torch.from_numpy(pool.lend(4))
    view, address = first[1:], first.data_ptr()
    del first
    assert pool.lend(3).ctypes.data != address, "a view still holds it"
    del view
    assert pool.lend(2).ctypes.data == address
