"""Every loader reads the level that the plan has picked, and the image itself where told to."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders import WITHOUT_LEVELS
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import available_loaders, samples, with_levels, write_beton, write_by_writer
from tests.promises.test_loaders_agree import assert_planned

SIZE = 24
KEYWORDS = {"size": SIZE, "batch_size": 16, "crop_scale": (0.02, 1.0), "workers": 2}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Records, Records]]:
    """The same samples with none to three levels each, and without any."""
    folder = tmp_path_factory.mktemp("levels")
    plain = [
        sample
        for i, variant in enumerate(("444", "420", "gray", "raw"))
        for sample in samples(8, variant=variant, seed=i, low=90, high=260)
    ]
    made = [with_levels(sample, i % 4) for i, sample in enumerate(plain)]
    with Records.open(write_by_writer(folder / "levels.beton", made)) as with_them:
        write_beton(folder / "plain.beton", plain, _manifest_of(with_them))
        with Records.open(folder / "plain.beton") as without:
            yield with_them, without


def _manifest_of(records: Records):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(records.manifest, levels=None)


def opened(records: Records, name: str, **settings: object) -> PlannedLoader:
    keywords = {**KEYWORDS, **settings}
    return open_loader(records, loader=name, **keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", available_loaders())
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"sharpness": 0.4},
        {"geometry": "letterbox", "crop_scale": (0.25, 1.0), "size": (20, 33)},
        {"crop_mode": "padded"},
        {"train": False, "eval_sharpness": 0.6},
    ],
    ids=str,
)
def test_loaders_read_what_is_planned(
    pair: tuple[Records, Records], name: str, settings: dict[str, object]
) -> None:
    with opened(pair[0], name, **settings) as loader:
        assert_planned(loader, list(loader.epoch(0)), 0)
        read = loader.plan(0).read_levels(slice(None))
        assert (len(np.unique(read)) > 2) == (name not in WITHOUT_LEVELS)


@pytest.mark.parametrize("name", sorted({*available_loaders()} - {*WITHOUT_LEVELS}))
def test_each_size_of_a_schedule_has_its_own_levels(
    pair: tuple[Records, Records], name: str
) -> None:
    rising: dict[str, object] = {"size": None, "size_schedule": ("24:0.5", "64:1"), "epochs": 2}
    with opened(pair[0], name, **rising) as loader:
        for epoch, size in enumerate((24, 64)):
            batches = list(loader.epoch(epoch))
            assert_planned(loader, batches, epoch)
            with opened(pair[0], name, size=size) as fixed:
                for ours, theirs in zip(batches, fixed.epoch(epoch), strict=True):
                    assert torch.equal(ours.images, theirs.images)
        first, second = (loader.plan(epoch).read_levels(slice(None)) for epoch in (0, 1))
        assert first.mean() > second.mean()


@pytest.mark.parametrize("name", available_loaders())
@pytest.mark.parametrize("train", [True, False])
def test_at_infinite_sharpness_nothing_has_changed(
    pair: tuple[Records, Records], name: str, train: bool
) -> None:
    """Bit for bit."""
    sharp = {"sharpness": math.inf, "eval_sharpness": math.inf, "train": train}
    with opened(pair[0], name, **sharp) as ours, opened(pair[1], name, train=train) as plain:
        for a, b in zip(ours.epoch(1), plain.epoch(1), strict=True):
            assert torch.equal(a.images, b.images)


@pytest.mark.skipif("ffcv" not in available_loaders(), reason="ffcv is not installed")
def test_ffcv_says_once_that_it_reads_images(
    pair: tuple[Records, Records], capsys: pytest.CaptureFixture[str]
) -> None:
    from headrace.pipeline.loaders import ffcv

    ffcv._said.clear()
    for _ in range(2):
        with opened(pair[0], "ffcv"):
            pass
    assert capsys.readouterr().out.count("FFCV knows nothing of the smaller sizes in ") == 1
    ffcv._said.clear()
    with opened(pair[1], "ffcv"), opened(pair[0], "ffcv", sharpness=math.inf):
        pass
    assert "smaller sizes" not in capsys.readouterr().out


def test_a_level_is_all_that_is_touched(pair: tuple[Records, Records]) -> None:
    """The images may be garbage where no crop needs them."""
    from dataclasses import replace

    from headrace.pipeline.containers import beton  # noqa: F401

    records = pair[0]
    path = records.path.with_name("garbage.beton")
    made = [replace(with_levels(s, 1), data=b"\xff" * 999) for s in samples(8, low=200, high=260)]
    with Records.open(write_by_writer(path, made)) as garbage:
        for name in ("torchvision", "native", "dali"):
            if name in available_loaders():
                keywords = {"size": 32, "crop_scale": (0.8, 1.0)}
                with opened(garbage, name, **keywords) as loader:
                    assert (loader.plan(0).read_levels(slice(None)) == 1).all()
                    assert_planned(loader, list(loader.epoch(0)), 0)
