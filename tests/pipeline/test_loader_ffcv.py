"""The ffcv loader: what FFCV leaves open, closed. Pixels and order: test_loaders_agree.py."""

from __future__ import annotations

import gc
import importlib.util
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from headrace.pipeline.errors import ConfigError, MissingPackageError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import jpeg_bytes, make_records, photo, samples, write_beton

with_ffcv = pytest.mark.skipif(
    importlib.util.find_spec("ffcv") is None, reason="ffcv is not installed"
)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    path = tmp_path_factory.mktemp("ffcv") / "small.beton"
    with make_records(path, samples(24)) as opened:
        yield opened


@pytest.fixture(scope="module")
def loader(records: Records) -> Iterator[PlannedLoader]:
    with open_small(records, workers=2) as opened:
        yield opened


def open_small(records: Records | Path, **settings: object) -> PlannedLoader:
    keywords = {"size": 16, "batch_size": 4, **settings}
    return open_loader(records, loader="ffcv", **keywords)  # type: ignore[arg-type]


def test_a_missing_package_is_named(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ffcv", None)
    with pytest.raises(MissingPackageError) as caught:
        open_small(records)
    text = str(caught.value)
    assert 'pip install "headrace[ffcv]"' in text
    assert "libopencv-dev libturbojpeg0-dev pkg-config" in text
    assert "\n" not in text


def test_a_folder_is_refused(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(jpeg_bytes(photo(1, 20, 20)))
    with pytest.raises(ConfigError, match=r"reads \.beton files and .* is a folder; pack it"):
        open_small(tmp_path)


@with_ffcv
def test_thread_counts_stay_as_they_were(records: Records, loader: PlannedLoader) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with open_small(records, workers=1) as other:
            assert torch.get_num_threads() == 3
            for batches in (other.epoch(0), loader.epoch(0)):
                list(batches)
                assert torch.get_num_threads() == 3
            seen: list[int] = []
            thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
            thread.start()
            thread.join()
            assert seen == [3]
    finally:
        torch.set_num_threads(before)


@with_ffcv
@pytest.mark.parametrize("workers", [0, 1000])
def test_any_number_of_workers(records: Records, workers: int) -> None:
    with open_small(records, workers=workers) as loader:
        assert sum(len(batch.labels) for batch in loader.epoch(0)) == len(records)


@with_ffcv
def test_an_error_in_ffcv_s_thread_reaches_the_caller(
    loader: PlannedLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFCV's own iterator would wait for ever."""
    from headrace.pipeline.loaders.ffcv_ops import PlanIterator

    def fail(*args: object) -> None:
        raise ArithmeticError("broken operation")

    with monkeypatch.context() as patch:
        patch.setattr(PlanIterator, "run_pipeline", fail)
        with pytest.raises(RuntimeError, match="thread ended before the epoch did") as caught:
            next(loader.epoch(0))
    assert isinstance(caught.value.__cause__, ArithmeticError)
    assert len(list(loader.epoch(0))) == len(loader)


@with_ffcv
def test_leaving_early_does_not_load_the_rest(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headrace.pipeline.loaders.ffcv_ops import PlanIterator

    steps: list[int] = []
    run = PlanIterator.run_pipeline

    def count(iterator: PlanIterator, step: int, *args: object) -> object:
        steps.append(step)
        return run(iterator, step, *args)

    monkeypatch.setattr(PlanIterator, "run_pipeline", count)
    with open_small(records, batch_size=1, workers=1) as loader:
        next(loader.epoch(0))
    assert len(steps) < len(records) / 2


@with_ffcv
def test_an_exhausted_epoch_stays_exhausted(loader: PlannedLoader) -> None:
    batches = loader.epoch(0)
    list(batches)
    assert list(batches) == []


@with_ffcv
def test_a_file_without_manifest_and_with_other_page_size(tmp_path: Path) -> None:
    path = write_beton(tmp_path / "plain.beton", samples(9), page_size=1 << 22)
    with open_small(path, train=False) as loader:
        batches = list(loader.epoch(0))
    assert np.concatenate([batch.indices for batch in batches]).tolist() == list(range(9))


@with_ffcv
def test_nothing_is_printed(
    records: Records, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """FFCV prints KeyErrors when a second loader is made while an older one's code lives."""
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    for _ in range(2):
        loaders = [open_small(records, workers=1) for _ in range(2)]
        for loader in loaders:
            next(loader.epoch(0))
            loader.close()
        del loader, loaders
        gc.collect()
    assert capfd.readouterr() == ("", "")
    assert unraisable == []
