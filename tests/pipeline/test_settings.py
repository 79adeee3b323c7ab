"""Settings nest by stage and are named flat; a loader takes them whole or one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import setting_types, to_flat, with_values
from headrace.pipeline.loader import LoaderSettings, open_loader
from headrace.pipeline.loaders.settings import DecodeConfig
from headrace.pipeline.plan import PlanConfig
from tests.builders import make_records, samples


def test_keywords_are_all_the_settings_there_are() -> None:
    assert set(LoaderSettings.__annotations__) == set(setting_types(LoaderConfig))


def test_flat_values_come_back() -> None:
    config = LoaderConfig(
        split=None,
        plan=PlanConfig(batch_size=6, crop=CropConfig(size=(3, 4), flip=0.0)),
        decode=DecodeConfig(workers=3),
    )
    flat = to_flat(config)
    assert (flat["size"], flat["batch_size"], flat["workers"]) == ((3, 4), 6, 3)
    assert with_values(LoaderConfig(), flat) == config


def test_an_unknown_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'batchsize'; did you mean 'batch_size'"):
        with_values(LoaderConfig(), {"batchsize": 3})


def test_a_loader_takes_settings_whole_and_changed(tmp_path: Path) -> None:
    config = LoaderConfig(
        plan=PlanConfig(batch_size=8, world_size=2, seed=4, crop=CropConfig(size=(16, 24))),
        decode=DecodeConfig(loader="torchvision", workers=0),
    )
    with make_records(tmp_path / "a.beton", samples(20)) as records:
        with open_loader(records, config) as whole, open_loader(records, config, rank=1) as other:
            assert whole.config == config
            ours, theirs = list(whole.epoch(0)), list(other.epoch(0))
            assert [len(batch.labels) for batch in ours] == [4, 4, 2], "batches are of all together"
            seen = torch.cat([batch.indices for batch in ours + theirs])
            assert sorted(seen.tolist()) == list(range(20))
            assert ours[0].images.shape == (4, 3, 16, 24)
        keywords = to_flat(config)
        with open_loader(records, **keywords) as named:
            for one, two in zip(ours, named.epoch(0), strict=True):
                assert torch.equal(one.images, two.images)


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ({"batch_size": "8"}, "batch_size is '8', expected a whole number"),
        ({"batch_size": True}, "batch_size is True, expected a whole number"),
        ({"workers": 2.5}, "workers is 2.5, expected a whole number or auto or nothing"),
        ({"crop_scale": 0.5}, "crop_scale is 0.5, expected two numbers"),
        ({"size": (96.0, 128)}, r"size is \(96.0, 128\), expected a whole number or two of them"),
        ({"train": "no"}, "train is 'no', expected true or false"),
        ({"split": ["train"]}, r"split is \['train'\], expected text or nothing"),
        ({"device": None}, "device is None, expected text or a device"),
        ({"sampling": None}, "sampling is None, expected text"),
        ({"on_bad_sample": ["skip"]}, "expected raise or skip"),
        ({"config": PlanConfig()}, "config is a PlanConfig, expected a LoaderConfig"),
    ],
)
def test_values_of_another_type_are_refused(keyword: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        open_loader("nowhere.beton", **keyword)


def test_numbers_of_numpy_and_lists_are_taken(tmp_path: Path) -> None:
    keywords: dict[str, Any] = {
        "size": [8, np.int64(9)],
        "crop_scale": [0.2, 1],
        "batch_size": np.int64(3),
    }
    with make_records(tmp_path / "a.beton", samples(3)) as records:
        with open_loader(records, loader="torchvision", workers=0, **keywords) as loader:
            assert next(loader.epoch()).images.shape == (3, 3, 8, 9)
            assert loader.config.plan.crop == CropConfig(size=(8, 9), crop_scale=(0.2, 1))


@pytest.mark.parametrize("device", ["meta", "mps", "xpu", "hip", "gpu", "cuda:x"])
def test_devices_that_nothing_here_runs_on_are_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=f"device is '{device}', expected auto, cpu or cuda"):
        with_values(LoaderConfig(), {"device": device})
