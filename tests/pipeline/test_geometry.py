"""One name for how training and evaluation cut, what small images get, and a spread of samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.crops.fitting import fit, fit_line
from headrace.pipeline.crops.geometry import GEOMETRIES
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import flag_of
from headrace.pipeline.loader import open_loader
from headrace.pipeline.pick_evenly import pick_evenly
from headrace.pipeline.plan import PlanConfig, make_plan
from tests.builders import make_records, samples

DECIDED = {
    None: ("random-resized", "centre", 0.875),
    "crop": ("random-resized", "centre", 0.875),
    "padded": ("padded", "centre", 1.0),
    "centre": ("centre", "centre", 1.0),
    "squash": ("squash", "squash", 1.0),
    "letterbox": ("letterbox", "letterbox", 1.0),
}


def decided(crop: CropConfig) -> tuple[str, str, float]:
    return crop.mode(train=True), crop.mode(train=False), crop.eval_share


@pytest.mark.parametrize("name", DECIDED)
def test_a_geometry_decides_both_sides(name: str | None) -> None:
    assert decided(CropConfig(geometry=name)) == DECIDED[name]
    assert set(DECIDED) == {None, *GEOMETRIES}


@pytest.mark.parametrize("name", ["centre", "squash", "letterbox"])
def test_what_draws_nothing_cuts_the_same_in_training_as_in_evaluation(name: str) -> None:
    h, w = np.array([30, 90, 64]), np.array([70, 50, 64])
    crop = CropConfig(size=(24, 32), geometry=name)
    ours, theirs = (
        make_plan(h, w, range(3), PlanConfig(crop=crop, train=train), 3) for train in (True, False)
    )
    order = np.argsort(ours.indices)
    assert np.array_equal(ours.boxes[order], theirs.boxes)
    if name != "letterbox":
        assert ours.targets is theirs.targets is None


def test_what_is_said_beside_it_overrides_it() -> None:
    report = CropConfig(geometry="squash", crop_mode="random-resized", crop_scale=(0.8, 1.0))
    assert decided(report) == ("random-resized", "squash", 1.0)
    assert decided(CropConfig(geometry="crop", eval_crop=1.0)) == ("random-resized", "centre", 1.0)
    same = CropConfig(geometry="squash", crop_mode="squash", eval_mode="squash")
    assert decided(same) == DECIDED["squash"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"geometry": "squash", "crop_mode": "random-resized", "eval_mode": "centre"},
            "geometry is 'squash', expected nothing beside crop_mode random-resized and eval_mode "
            "centre, which decide both sides without it; leave it or one of them out",
        ),
        ({"geometry": "zoom"}, "geometry is 'zoom', expected one of crop, padded, centre, squash"),
        ({"geometry": "padded", "size": 4}, "crop_padding is 4, expected 0 to less than size (4)"),
    ],
)
def test_geometries_that_cannot_work_are_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        CropConfig(**values)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("said", "longer_side", "size", "name"),
    [
        ({}, 32, 32, "padded"),
        ({}, 28, 32, "padded"),
        ({}, 41, None, None),
        ({}, 500, None, None),
        ({"size": 64}, 32, 64, None),
        ({"size": 28}, 28, 28, "padded"),
        ({"geometry": "squash"}, 32, 32, "squash"),
        ({"crop_mode": "squash"}, 32, 32, None),
        ({"size": 32, "geometry": "crop"}, 32, 32, "crop"),
    ],
)
def test_small_images_get_their_own_size_and_padded_crops(
    said: dict[str, Any], longer_side: int, size: int | None, name: str | None
) -> None:
    before = CropConfig(**said)
    h, w = np.array([longer_side, longer_side, 900]), np.array([longer_side - 3, 20, 900])
    after = fit(before, h, w)
    assert (after.size, after.geometry) == (size, name)
    assert (fit_line(before, after) == "") == (before == after)


def test_the_line_says_what_was_taken_and_what_decides() -> None:
    sides = np.full(3, 32)
    before = CropConfig()
    assert fit_line(before, fit(before, sides, sides), flag_of) == (
        "images of about 32 px: --size 32 and --geometry padded (give others to have others)"
    )
    before = CropConfig(geometry="crop")
    assert fit_line(before, fit(before, sides, sides)) == (
        "images of about 32 px: size 32 (give others to have others)"
    )
    assert fit(before, sides[:0], sides[:0]) == before


def test_a_loader_says_it_and_does_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with make_records(tmp_path / "a.beton", samples(6, low=28, high=32)) as records:
        with open_loader(records, loader="torchvision", workers=0) as loader:
            assert next(loader.epoch()).images.shape == (6, 3, 32, 32)
            assert loader.config.plan.crop.mode(train=True) == "padded"
        said = capsys.readouterr().out
        assert "images of about 32 px: size 32 and geometry padded" in said
        with open_loader(records, loader="torchvision", workers=0, size=16, geometry="crop"):
            assert "32 px" not in capsys.readouterr().out


@given(
    labels=st.lists(st.integers(-1, 6), min_size=1, max_size=80),
    at_most=st.integers(1, 90),
)
def test_a_spread_takes_one_of_each_class_before_two_of_any(
    labels: list[int], at_most: int
) -> None:
    chosen = np.arange(len(labels)) * 2 + 1
    every = np.full(2 * len(labels) + 1, -1)
    every[chosen] = labels
    taken = pick_evenly(chosen, every, at_most)
    assert len(taken) == min(at_most, len(chosen))
    assert np.array_equal(taken, np.intersect1d(taken, chosen))
    classes = np.unique(labels)
    assert len(np.unique(every[taken])) == min(len(classes), len(taken))
    for label in classes:
        share = len(taken) / len(chosen) * labels.count(int(label))
        assert (every[taken] == label).sum() >= min(1, share) or len(taken) < len(classes)


def test_a_loader_takes_at_most_so_many(tmp_path: Path) -> None:
    keywords: dict[str, Any] = {"loader": "torchvision", "workers": 0, "size": 8, "train": False}
    with make_records(tmp_path / "a.beton", samples(20)) as records:  # labels 0, 1, 2, 0, ...
        with open_loader(records, batch_size=3, at_most=4, **keywords) as loader:
            assert [batch.indices.tolist() for batch in loader.epoch()] == [[0, 1, 2], [3]]
        with pytest.raises(ConfigError, match="at_most is -1, expected 0 or more"):
            open_loader(records, at_most=-1)
