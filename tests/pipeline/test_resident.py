"""The resident loader's memory budget, and batches that stay whole while they are held."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.buffers import BufferPool
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import BadSampleError, ConfigError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders import resident
from headrace.pipeline.loaders.resident_shelves import whole_shelves
from headrace.pipeline.plan import PlanConfig, make_plan
from headrace.pipeline.records import Records
from tests.builders import make_records, samples, stored, with_levels, write_by_writer


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


@pytest.fixture(scope="module")
def with_sizes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    """Samples of 20 to 400 px with none to three smaller sizes each."""
    path = tmp_path_factory.mktemp("sizes") / "levels.beton"
    made = [with_levels(s, i % 4) for i, s in enumerate(samples(24, low=20, high=400))]
    with Records.open(write_by_writer(path, made)) as records:
        yield records


@given(
    mode=st.sampled_from(["random-resized", "padded", "centre", "squash", "letterbox"]),
    train=st.booleans(),
    size=st.tuples(st.integers(5, 90), st.integers(5, 90)),
    scale=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
    ratio=st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)),
    sharpness=st.floats(0.1, 3),
)
def test_every_size_that_a_crop_may_be_read_from_is_kept(
    with_sizes: Records,
    mode: str,
    train: bool,
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    sharpness: float,
) -> None:
    eval_mode = "centre" if mode in ("random-resized", "padded") else mode
    crop = CropConfig(
        size=size,
        crop_mode=mode,
        eval_mode=eval_mode,
        crop_scale=(min(scale), max(scale)),
        crop_ratio=(min(ratio), max(ratio)),
        sharpness=sharpness,
        eval_sharpness=sharpness,
    )
    config = LoaderConfig(plan=PlanConfig(crop=crop, train=train))
    everything = np.arange(len(with_sizes))
    shelves = whole_shelves(with_sizes, config, everything)
    for epoch in range(3):
        sides = with_sizes.heights, with_sizes.widths
        plan = make_plan(*sides, everything, config.plan, epoch, stored=with_sizes.levels)
        read = zip(plan.indices.tolist(), plan.read_levels(slice(None)).tolist(), strict=True)
        for index, level in read:
            assert index in shelves[level if len(shelves) > 1 else 0].indices


def test_of_large_images_only_the_sizes_read_are_kept(tmp_path: Path) -> None:
    """The images themselves may be garbage, and their size counts for nothing."""
    made = [
        dataclasses.replace(with_levels(s, 2), data=b"\xff" * 99)
        for s in samples(6, low=200, high=240)
    ]
    with (
        Records.open(write_by_writer(tmp_path / "large.beton", made)) as records,
        open_loader(records, loader="resident", size=30, crop_scale=(0.5, 1.0)) as loader,
    ):
        list(loader)
        assert resident.kept_bytes(records, loader.config, np.arange(6)) <= 6 * 3 * 2 * 120**2
        assert resident.full_size_bytes(records, np.arange(6)) > 6 * 3 * 200**2


def test_what_is_shrunk_is_read_from_a_smaller_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The images themselves may be garbage here, too, but not where nothing else is read."""
    made = [
        dataclasses.replace(with_levels(s, 2), data=b"\xff" * 99)
        for s in samples(6, low=200, high=240)
    ]
    records = Records.open(write_by_writer(tmp_path / "large.beton", made))
    with_free_memory(monkeypatch, 2 * 6 * 3 * 100 * 100)
    with open_loader(records, loader="resident", size=64) as loader:
        list(loader)
    with (
        open_loader(records, loader="resident", size=64, sharpness=math.inf) as loader,
        pytest.raises(BadSampleError, match="not a JPEG"),
    ):
        list(loader)


def test_the_gpu_path_gives_the_same_pixels_from_several_sizes(
    with_sizes: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"size": 40, "batch_size": 8, "crop_scale": (0.01, 1.0)}
    with open_loader(with_sizes, loader="resident", **settings) as loader:  # type: ignore[arg-type]
        expected = list(loader.epoch(3))
        assert len(np.unique(loader.plan(3).read_levels(slice(None)))) > 2
    backend = resident.ResidentBackend
    monkeypatch.setattr(backend, "_submit_on_cpu", backend._submit_on_device)
    with open_loader(with_sizes, loader="resident", **settings) as loader:  # type: ignore[arg-type]
        for got, want in zip(loader.epoch(3), expected, strict=True):
            assert (got.images.int() - want.images.int()).abs().max() <= 1
            assert got.images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shrinks", [False, True])
@pytest.mark.parametrize("num_made_up", [0, 1, 3])
def test_a_made_up_size_reserves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_made_up: int, shrinks: bool
) -> None:
    """The tables of a few samples announce more than their own headers do, and so they are bad."""
    content = samples(8)
    longest = max(max(sample.height, sample.width) for sample in content)
    for place in range(num_made_up):
        content[place] = dataclasses.replace(content[place], height=500, width=400 + place)
    side = 48 if shrinks else longest
    with_free_memory(monkeypatch, 2 * 8 * 3 * side**2)
    with make_records(tmp_path / "a.beton", content) as records:
        (shelf,) = whole_shelves(records, _config(), np.arange(8))
        assert (shelf.side, int(shelf.refuted.sum())) == (longest, num_made_up)
        with open_loader(
            records, loader="resident", size=24, batch_size=8, on_bad_sample="skip", train=False
        ) as loader:
            (batch,) = loader.epoch(0)
        assert loader.num_skipped == num_made_up
    right = [n for n in range(8) if n >= num_made_up]
    assert set(batch.indices.tolist()) == set(right)


def _config() -> LoaderConfig:
    return LoaderConfig(
        plan=PlanConfig(crop=CropConfig(size=24), batch_size=8, train=False),
        device=torch.device("cpu"),
    )
