"""The dali loader: resets, failed batches, kinds of records. Pixels: test_loaders_agree.py."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from headrace.pipeline.errors import ConfigError, MissingPackageError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import make_records, photo, reference_images, samples, stored

HAS_DALI = importlib.util.find_spec("nvidia") is not None and (
    importlib.util.find_spec("nvidia.dali") is not None
)
with_dali = pytest.mark.skipif(not HAS_DALI, reason="DALI is not installed")
ROTATED = 6  # EXIF orientation: turn by 90 degrees to show


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    path = tmp_path_factory.mktemp("dali") / "small.beton"
    with make_records(path, [*samples(20), *samples(12, variant="raw", seed=1)]) as opened:
        yield opened


def open_small(records: Records | Path, **settings: object) -> PlannedLoader:
    keywords = {"size": 20, "batch_size": 4, "workers": 2, **settings}
    return open_loader(records, loader="dali", **keywords)  # type: ignore[arg-type]


def write_folder(root: Path, suffix: str) -> Path:
    """Two classes with three images each, one of them rotated by its EXIF entry."""
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for i in range(3):
            image = Image.fromarray(photo(i, 40, 70))
            exif = image.getexif()
            if i == 1:
                exif[0x0112] = ROTATED
            image.save(root / name / f"{i}{suffix}", exif=exif)
    return root


def test_a_missing_package_is_named(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nvidia.dali", None)
    with pytest.raises(MissingPackageError, match=r'pip install "headrace\[dali\]"'):
        open_small(records)


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="reads JPEG and raw samples"):
        open_small(write_folder(tmp_path / "images", ".png"))


@with_dali
def test_a_folder_of_jpegs_is_read_upright(tmp_path: Path) -> None:
    with open_small(write_folder(tmp_path / "images", ".jpg"), train=False) as loader:
        batches = list(loader.epoch(0))
        plan, folder = loader.plan(0), loader.records
        assert (folder.heights > folder.widths).sum() == 2
        for step, batch in enumerate(batches):
            expected = reference_images(folder, plan, plan.batch_slice(step), 20)
            assert np.abs(batch.images.numpy().astype(np.int16) - expected).max() <= 8


@with_dali
@pytest.mark.parametrize("left_after", [0, 1, 2, 6])
def test_an_epoch_left_early_leaves_no_batch_behind(records: Records, left_after: int) -> None:
    with open_small(records) as loader:
        whole = list(loader.epoch(1))
        for step, _ in enumerate(loader.epoch(0)):
            if step == left_after:
                break
        again = list(loader.epoch(1))
    assert len(again) == len(whole) == len(loader)
    for a, b in zip(again, whole, strict=True):
        assert torch.equal(a.indices, b.indices)
        assert torch.equal(a.images, b.images)


@with_dali
def test_batches_of_one_mode_only(records: Records) -> None:
    """In ascending order JPEG and raw samples meet in no batch of four: each lane is idle while
    the other works."""
    with open_small(records, train=False) as loader:
        assert len(list(loader.epoch(0, start=6))) == 2
        batches = list(loader.epoch(0))
        plan = loader.plan(0)
        for step, batch in enumerate(batches):
            expected = reference_images(records, plan, plan.batch_slice(step), 20)
            assert np.abs(batch.images.numpy().astype(np.int16) - expected).max() <= 8


@with_dali
def test_what_only_dali_cannot_read_is_loaded_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headrace.pipeline.loaders.dali import DaliBackend, _Lane

    with make_records(tmp_path / "x.beton", samples(8)) as records:
        with open_small(records, train=False) as loader:
            run, calls = _Lane._run, []

            def fail_once(lane: _Lane) -> object:
                calls.append(lane)
                if len(calls) == 2:
                    raise RuntimeError("advice encountered:\n\nout of luck\nmore advice")
                return run(lane)

            assert isinstance(loader._running.backend, DaliBackend)
            monkeypatch.setattr(_Lane, "_run", fail_once)
            with pytest.warns(UserWarning, match="failed on batch 1, .* it: out of luck"):
                batches = list(loader.epoch(0))
            plan = loader.plan(0)
            expected = reference_images(records, plan, plan.batch_slice(1), 20)
            assert np.array_equal(batches[1].images, expected)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert len(list(loader.epoch(1))) == 2


@with_dali
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_on_the_gpu(records: Records) -> None:
    """The GPU's decoder rounds otherwise, so only the means are held close."""
    with open_small(records, device="cuda") as loader:
        for epoch in (0, 1):
            next(loader.epoch(epoch, start=2))  # leaves early
            plan = loader.plan(epoch)
            for step, batch in enumerate(loader.epoch(epoch)):
                assert batch.images.is_cuda and batch.labels.is_cuda
                expected = reference_images(records, plan, plan.batch_slice(step), 20)
                difference = np.abs(batch.images.cpu().numpy().astype(np.int16) - expected)
                assert difference.mean(axis=(1, 2, 3)).max() <= 3


@with_dali
def test_where_dali_differs_it_is_at_the_outermost_pixels(tmp_path: Path) -> None:
    """It takes the last pixel once more where its filter reaches beyond the crop; see docs."""
    content = [stored(photo(i, 300, 340), "raw" if i % 2 else "444") for i in range(6)]
    with make_records(tmp_path / "a.beton", content) as records:
        with open_small(records, size=24, batch_size=6, train=False) as loader:
            (batch,) = loader.epoch(0)
            expected = reference_images(records, loader.plan(0), slice(0, 6), 24)
    apart = np.abs(batch.images.numpy().astype(np.int16) - expected)
    assert apart[:, :, 1:-1, 1:-1].max() <= 1
    assert apart.max() <= 40
