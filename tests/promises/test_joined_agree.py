"""Every loader that reads several files as one set delivers what the plan says, as of one file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from tests.builders import available_loaders, samples, with_levels, write_beton, write_by_writer
from tests.promises.test_loaders_agree import assert_planned, open_tested

JOINING = [name for name in available_loaders() if name != "ffcv"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """JPEGs with levels and checksums, JPEGs with neither, raw pixels."""
    folder = tmp_path_factory.mktemp("joined")
    large = [with_levels(s, 2) for s in samples(14, seed=1, low=90, high=170)]
    manifest = Manifest(classes=("class 2", "class 0", "class 1"))
    return [
        write_by_writer(folder / "a.beton", large),
        write_beton(folder / "b.beton", samples(9, seed=2, low=17, high=90), manifest),
        write_by_writer(folder / "c.beton", samples(7, variant="raw", seed=3, low=17, high=90)),
    ]


@pytest.fixture(scope="module")
def records(files: list[Path]) -> Iterator[Records]:
    with Records.open(files) as opened:
        yield opened


@pytest.mark.parametrize("name", JOINING)
def test_loaders_carry_out_the_plan_of_several_files(records: Records, name: str) -> None:
    with open_tested(records, name, crop_scale=(0.25, 1.0), crop_ratio=(0.75, 1.33)) as loader:
        plan = loader.plan(1)
        assert plan.levels is not None and plan.levels.any()
        assert len(plan.indices) == len(records) == 30
        assert_planned(loader, list(loader.epoch(1)), 1)
        assert_planned(loader, list(loader.epoch(2, 1)), 2, 1)


@pytest.mark.parametrize("name", JOINING)
def test_raw_pixels_of_several_files(files: list[Path], tmp_path: Path, name: str) -> None:
    more = [dataclasses.replace(s, label=1) for s in samples(6, variant="raw", seed=4, high=90)]
    other = write_beton(tmp_path / "d.beton", more, Manifest(classes=("class 0", "class 1")))
    with Records.open([files[2], other]) as records, open_tested(records, name) as loader:
        assert_planned(loader, list(loader.epoch(0)), 0)


def test_ffcv_reads_one_file_and_says_so(files: list[Path], records: Records) -> None:
    with pytest.raises(ConfigError, match=r"reads one \.beton file, and .*a\.beton .* are several"):
        open_loader(records, loader="ffcv")


def test_a_loader_is_opened_on_a_list(files: list[Path]) -> None:
    with open_loader(files, loader="native", size=32, workers=1) as loader:
        assert sum(len(batch.labels) for batch in loader.epoch(0)) == 30
