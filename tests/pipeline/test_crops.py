"""Ways of cutting: what each promises of its boxes and of where they go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from headrace.pipeline.crops import EVALUATION, PLACING, TRAINING
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.pixels import crop_resize
from headrace.pipeline.plan import EpochPlan, PlanConfig, make_plan
from tests.builders import photo

sides = st.lists(st.tuples(st.integers(1, 700), st.integers(1, 700)), min_size=1, max_size=40)
out = st.tuples(st.integers(1, 300), st.integers(1, 300))


def plan_of(sizes: list[tuple[int, int]], train: bool = True, **crop: Any) -> EpochPlan:
    h, w = np.array(sizes).T
    config = PlanConfig(train=train, crop=CropConfig(**crop), seed=3)
    return make_plan(h, w, np.arange(len(h)), config, 1)


@pytest.mark.parametrize("mode", TRAINING)
@given(sizes=sides, shape=out, padding=st.integers(0, 12))
def test_boxes_lie_inside_images_and_targets_inside_results(
    mode: str, sizes: list[tuple[int, int]], shape: tuple[int, int], padding: int
) -> None:
    padding = min(padding, min(shape) - 1)
    plan = plan_of(sizes, size=shape, crop_mode=mode, crop_padding=padding)
    h, w = np.array(sizes)[plan.indices].T
    assert (plan.targets is not None) == (mode in PLACING)
    for places, high, wide in ((plan.boxes, h, w), (plan.targets, *shape)):
        if places is None:
            continue
        y, x, height, width = places.T
        assert places.dtype == np.int32
        assert min(y.min(), x.min()) >= 0 and min(height.min(), width.min()) >= 1
        assert (y + height <= high).all() and (x + width <= wide).all()


@pytest.mark.parametrize("mode", EVALUATION)
@given(sizes=sides, shape=out)
def test_what_evaluation_may_use_draws_nothing(
    mode: str, sizes: list[tuple[int, int]], shape: tuple[int, int]
) -> None:
    ours = plan_of(sizes, train=False, size=(7, 5), eval_size=shape, eval_mode=mode)
    h, w = np.array(sizes).T
    other = make_plan(
        h,
        w,
        np.arange(len(h)),
        PlanConfig(train=False, seed=99, crop=CropConfig(size=shape, eval_mode=mode)),
        5,
    )
    assert np.array_equal(ours.boxes, other.boxes)
    assert (ours.targets is None) == (other.targets is None)
    if ours.targets is not None and other.targets is not None:
        assert np.array_equal(ours.targets, other.targets)
    assert not ours.flips.any()


def test_squash_takes_the_whole_image() -> None:
    plan = plan_of([(30, 50), (7, 900)], train=False, size=(8, 16), eval_mode="squash")
    assert plan.boxes.tolist() == [[0, 0, 30, 50], [0, 0, 7, 900]]
    assert plan.targets is None


def test_letterbox_keeps_the_whole_image_and_its_shape() -> None:
    sizes = [(100, 200), (200, 100), (50, 50), (1, 4000)]
    plan = plan_of(sizes, train=False, size=(64, 96), eval_mode="letterbox")
    assert plan.boxes[:, 2:].tolist() == [list(size) for size in sizes]
    assert plan.targets is not None
    assert plan.targets.tolist() == [
        [8, 0, 48, 96],
        [0, 32, 64, 32],
        [0, 16, 64, 64],
        [31, 0, 1, 96],
    ]


def test_the_centre_crop_has_the_shape_of_the_result() -> None:
    plan = plan_of([(100, 400), (400, 100)], train=False, size=(50, 100), eval_crop=0.5)
    assert plan.boxes.tolist() == [[25, 150, 50, 100], [187, 25, 25, 50]]


def test_padded_crops_of_images_of_the_size_are_shifts() -> None:
    """CIFAR's augmentation: every shift by up to the padding, nothing resampled."""
    plan = plan_of([(32, 32)] * 4000, size=32, crop_mode="padded", crop_padding=4, flip=0.0)
    assert plan.targets is not None
    assert np.array_equal(plan.boxes[:, 2:], plan.targets[:, 2:])
    shifts = plan.boxes[:, :2] - plan.targets[:, :2]
    assert {tuple(s) for s in shifts.tolist()} == {
        (y, x) for y in range(-4, 5) for x in range(-4, 5)
    }
    assert (plan.boxes[:, 2:] == 32 - np.abs(shifts)).all()
    counts = np.bincount(shifts[:, 0] + 4, minlength=9)
    assert counts.min() > 350 and counts.max() < 550


def test_padded_crops_are_the_image_within_black_cut_then_mirrored() -> None:
    """RandomCrop(16, padding=3) and RandomHorizontalFlip, carried out by PIL."""
    picture = photo(1, 16, 16)
    padded = ImageOps.expand(Image.fromarray(picture), 3)
    expected = set()
    for y, x in np.ndindex(7, 7):
        cut = padded.crop((x, y, x + 16, y + 16))
        expected |= {cut.tobytes(), ImageOps.mirror(cut).tobytes()}
    plan = plan_of([(16, 16)] * 3000, size=16, crop_mode="padded", crop_padding=3)
    assert plan.targets is not None
    got = {
        crop_resize(picture, box, bool(flip), (16, 16), target).tobytes()
        for box, flip, target in zip(plan.boxes, plan.flips, plan.targets, strict=True)
    }
    assert got == expected


def test_padded_crops_without_padding_stay_inside() -> None:
    plan = plan_of([(60, 40)] * 50, size=20, crop_mode="padded", crop_padding=0)
    assert plan.targets is not None and plan.targets.tolist() == [[0, 0, 20, 20]] * 50
    assert (plan.boxes[:, 2:] == 40).all() and len(set(plan.boxes[:, 0].tolist())) > 10


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"size": 0}, "size is 0, expected 1 to 4096 px, or such a height and width"),
        ({"size": (3, 5000)}, r"size is \(3, 5000\)"),
        ({"size": (3, 4, 5)}, r"size is \(3, 4, 5\)"),
        ({"size": 2.5}, "size is 2.5"),
        ({"size": True}, "size is True"),
        ({"eval_size": (0, 9)}, r"eval_size is \(0, 9\)"),
        ({"crop_mode": "zoom"}, "crop_mode is 'zoom', expected one of random-resized, padded"),
        ({"eval_mode": "padded"}, "eval_mode is 'padded', expected one of centre, squash"),
        ({"crop_padding": -1}, "crop_padding is -1"),
        (
            {"size": 32, "crop_mode": "padded", "crop_padding": 32},
            r"crop_padding is 32, expected 0 to less than size",
        ),
        ({"crop_ratio": (2.0, 1.0)}, "crop_ratio is"),
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        CropConfig(**values)
