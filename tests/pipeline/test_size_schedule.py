"""A schedule of sizes: how it is read, which epoch has which size, what a plan makes of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.crops.size_schedule import (
    check_epochs,
    ends,
    read_schedule,
    schedule_line,
    stage_of,
    stretched_line,
)
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import to_flat, with_values
from headrace.pipeline.plan import PlanConfig, make_plan

WORDS = ("96:0.5", "128:0.8", "160:1")
SIDES = st.one_of(st.integers(1, 4096), st.tuples(st.integers(1, 4096), st.integers(1, 4096)))


@st.composite
def schedules(draw: st.DrawFn) -> tuple[list[Any], list[Fraction], tuple[str, ...]]:
    """Sizes, shares of a run and the words for them."""
    thousandths = draw(st.lists(st.integers(1, 999), unique=True, max_size=6).map(sorted))
    shares = [Fraction(number, 1000) for number in (*thousandths, 1000)]
    sizes = draw(st.lists(SIDES, min_size=len(shares), max_size=len(shares)))
    words = []
    for size, share in zip(sizes, shares, strict=True):
        side = size if isinstance(size, int) else "x".join(map(str, size))
        words.append(f"{side}:{float(share):.{draw(st.integers(3, 6))}f}")
    return sizes, shares, tuple(words)


@given(schedules())
def test_words_are_read_as_they_are_written(
    drawn: tuple[list[Any], list[Fraction], tuple[str, ...]],
) -> None:
    sizes, shares, words = drawn
    stages = read_schedule(words)
    assert [stage.size for stage in stages] == sizes
    assert [stage.upto for stage in stages] == shares
    crop = CropConfig(size_schedule=words)
    assert crop.side(train=True) == crop.side(train=False) == sizes[-1]
    assert set(crop.shapes) == {stage.shape for stage in stages}
    assert len(set(crop.shapes)) == len(crop.shapes) and crop.shapes[-1] == stages[-1].shape
    assert with_values(CropConfig(), {**to_flat(crop), "size_schedule": list(words)}) == crop


@given(schedules(), st.integers(1, 400))
def test_every_epoch_has_the_size_of_its_share(
    drawn: tuple[list[Any], list[Fraction], tuple[str, ...]], epochs: int
) -> None:
    _, shares, words = drawn
    stages = read_schedule(words)
    last = ends(stages, epochs)
    assert last == sorted(last) and last[-1] == epochs
    for end, share in zip(last, shares, strict=True):
        assert abs(end - share * epochs) <= Fraction(1, 2)
    found = [stages.index(stage_of(stages, epochs, epoch)) for epoch in range(epochs)]
    if len(set(stages)) == len(stages):
        assert found == sorted(found)
        assert [found.count(number) for number in range(len(stages))] == np.diff(
            [0, *last]
        ).tolist()
    assert stage_of(stages, epochs, epochs + 3) == stages[-1]


@given(schedules(), st.integers(1, 60))
def test_a_run_that_is_too_short_is_refused_and_no_other(
    drawn: tuple[list[Any], list[Fraction], tuple[str, ...]], epochs: int
) -> None:
    words = drawn[2]
    counts = np.diff([0, *ends(read_schedule(words), epochs)])
    if (counts > 0).all():
        check_epochs(words, epochs)
        assert schedule_line(words, epochs).count(" px in ") == len(words)
    else:
        with pytest.raises(ConfigError, match=r"leaves no epoch for .* px, of"):
            check_epochs(words, epochs)


@given(st.lists(st.text("0123456789:.x- ", max_size=9), min_size=1, max_size=3))
def test_whatever_is_written_is_read_or_refused_in_one_line(words: list[str]) -> None:
    try:
        stages = read_schedule(words)
    except ConfigError as error:
        assert str(error).startswith("size_schedule ") and "\n" not in str(error)
    else:
        assert stages[-1].upto == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size_schedule": ["96"]}, "size_schedule has '96', expected a size in px"),
        ({"size_schedule": [5760.5]}, r"has 5760.5, .*\(in YAML each between quotes\)"),
        ({"size_schedule": ["96:0.5"]}, "is 96:0.5, expected rising shares .* the last of them 1"),
        ({"size_schedule": ["96:0.5", "128:0.4", "160:1"]}, "expected rising shares of the run"),
        ({"size_schedule": ["96:0", "128:1"]}, "expected rising shares of the run"),
        ({"size_schedule": ["9999:1"]}, "size_schedule is 9999, expected 1 to 4096 px"),
        (
            {"size_schedule": WORDS, "size": 128},
            "size is 128, expected 160, the last of size_schedule 96:0.5 128:0.8 160:1",
        ),
    ],
)
def test_what_cannot_be_a_schedule_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CropConfig(**settings)


def test_one_word_is_a_schedule_of_one_size() -> None:
    assert CropConfig(size_schedule="160:1").size_schedule == ("160:1",)  # type: ignore[arg-type]


def test_size_may_be_said_beside_it_where_it_is_the_last() -> None:
    crop = CropConfig(size_schedule=WORDS, size=160, eval_size=192)
    assert crop.shape(train=True) == (160, 160) and crop.shape(train=False) == (192, 192)


def test_a_plan_needs_to_know_the_runs_length() -> None:
    crop = CropConfig(size_schedule=WORDS)
    with pytest.raises(ConfigError, match="needs epochs, the length of the run"):
        PlanConfig(crop=crop)
    with pytest.raises(ConfigError, match="leaves no epoch for 160 px, of 2 epochs"):
        PlanConfig(crop=crop, epochs=2)
    assert PlanConfig(crop=crop, train=False).shape == (160, 160)  # which has one size


@pytest.mark.parametrize("mode", ["random-resized", "padded", "centre", "squash", "letterbox"])
@given(epoch=st.integers(0, 25), seed=st.integers(0, 5))
def test_an_epochs_plan_is_that_of_its_size(mode: str, epoch: int, seed: int) -> None:
    """Padding is a share of the side: 4 px of 32 are 3 of 24 and 6 of 48."""
    schedule = ("24:0.5", "48:0.8", "32:1")
    size, padding = [(24, 3), (48, 6), (32, 4)][(epoch >= 10) + (epoch >= 16)]
    rng = np.random.default_rng(seed)
    h, w = rng.integers(1, 300, (2, 40))
    shared = {"crop_mode": mode, "eval_mode": "centre"}
    scheduled = PlanConfig(
        crop=CropConfig(size_schedule=schedule, crop_padding=4, **shared),  # type: ignore[arg-type]
        epochs=20,
        batch_size=8,
        seed=seed,
    )
    fixed = with_values(
        scheduled, {"size_schedule": (), "size": size, "crop_padding": padding, "epochs": 0}
    )
    assert scheduled.at(epoch) == fixed and fixed.at(epoch) is fixed
    one, other = (make_plan(h, w, range(40), config, epoch) for config in (scheduled, fixed))
    assert one.shape == other.shape == (size, size)
    for name in ("indices", "boxes", "flips", "bounds", "targets"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_boxes_do_not_depend_on_the_schedule() -> None:
    """A random-resized crop sees the same of every image, at whatever size."""
    h, w = np.full((2, 30), 200)
    scheduled = PlanConfig(crop=CropConfig(size_schedule=WORDS), epochs=10)
    plain = PlanConfig(crop=CropConfig(size=160))
    for epoch in range(10):
        one, other = (make_plan(h, w, range(30), config, epoch) for config in (scheduled, plain))
        assert np.array_equal(one.boxes, other.boxes) and np.array_equal(one.indices, other.indices)


def test_a_line_says_which_epochs_have_which_size() -> None:
    assert schedule_line(("96:.5", "96x128:0.6", "160:1"), 10) == (
        "96 px in epochs 1-5, 96x128 px in 6, 160 px in 7-10"
    )
    assert schedule_line(("96:0.5", "160:1"), 2) == "96 px in epoch 1, 160 px in 2"
    assert schedule_line(("96:0.5", "160:1"), 4) == "96 px in epochs 1-2, 160 px in 3-4"


@pytest.mark.parametrize(
    ("epoch", "was", "becomes"),
    [(0, 96, 96), (6, 128, 96), (8, 128, 96), (9, 160, 96), (10, 160, 128)],
)
def test_a_line_says_what_other_epochs_make_of_the_sizes(
    epoch: int, was: int, becomes: int
) -> None:
    assert stretched_line(WORDS, 10, 20, epoch) == (
        f"--size-schedule is stretched over all 20 epochs: {was} px in the last epoch, "
        f"{becomes} px in the next"
    )
    assert stretched_line(WORDS, 20, 20, epoch) == stretched_line((), 10, 20, epoch) == ""


def test_the_last_epoch_of_a_size_may_be_the_first_of_all() -> None:
    assert "96 px in the last epoch, 96 px in the" in stretched_line(("96:.5", "160:1"), 2, 4, 1)


def test_a_side_of_a_fraction_of_a_pixel_is_rounded() -> None:
    crop = CropConfig(size_schedule=("24:0.5", "32:1"), geometry="padded", crop_padding=2)
    assert crop.at_epoch(0, 2).crop_padding == 2  # of 1.5
    assert crop.at_last().crop_padding == 2
    assert crop.at_last() == CropConfig(size=32, geometry="padded", crop_padding=2)
