"""Batches and runs are the same whatever their caller has told torch and numpy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from headrace.augment import Preprocess
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.train.run import run_training
from tests.builders import VARIANTS, available_loaders, make_records, samples
from tests.promises.callers_torch import told_otherwise
from tests.train.tiny_runs import assert_same_run, settings, write_data


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    everything = [sample for variant in VARIANTS for sample in samples(4, variant=variant)]
    path = tmp_path_factory.mktemp("callers") / "mixed.beton"
    with make_records(path, everything, {"train": len(everything)}) as opened:
        yield opened


def loaded(records: Records, name: str) -> list[torch.Tensor]:
    with open_loader(records, loader=name, size=24, batch_size=7, workers=2) as loader:
        normalise = Preprocess.of(loader).normalise
        parts = [(*batch, normalise(batch.images)) for batch in loader]
    return [torch.cat(tensors) for tensors in zip(*parts, strict=True)]


@pytest.mark.parametrize("name", available_loaders())
def test_a_loaders_batches(records: Records, name: str) -> None:
    expected = loaded(records, name)
    with told_otherwise():
        found = loaded(records, name)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype and one.device == other.device
        assert torch.equal(one, other)


def test_a_run_and_what_is_told_stays_told(tmp_path: Path) -> None:
    data = write_data(tmp_path / "tiny.beton")
    changes = {"loader": "native", "workers": 1, "average": "ema", "epochs": 1}
    run_training(settings(data, tmp_path / "one", **changes))
    with told_otherwise():
        run_training(settings(data, tmp_path / "other", **changes))
        assert torch.get_default_dtype() == torch.float64
        assert torch.empty(1).device.type == "meta"
        assert torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
        assert torch.is_autocast_enabled("cpu")
    assert_same_run(tmp_path / "one", tmp_path / "other")
