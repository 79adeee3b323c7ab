"""Settings nest by stage and are named flat; a loader takes them whole or one by one."""

from __future__ import annotations

from pathlib import Path

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
