"""The epoch plan: pure, a permutation, the same for any world size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.mix import Mix
from headrace.pipeline.plan import EpochPlan, PlanConfig, Tail, make_plan, num_batches

sizes = st.lists(st.tuples(st.integers(1, 700), st.integers(1, 700)), min_size=1, max_size=60)


def plan_of(
    sides: list[tuple[int, int]], config: PlanConfig, epoch: int = 0, span: range | None = None
) -> EpochPlan:
    h, w = np.array(sides).T
    return make_plan(h, w, span or range(len(h)), config, epoch)


@given(sizes, st.integers(0, 2**63 - 1), st.integers(0, 1000), st.integers(1, 17))
def test_an_epoch_is_a_permutation_with_boxes_inside(
    sides: list[tuple[int, int]], seed: int, epoch: int, batch_size: int
) -> None:
    plan = plan_of(sides, PlanConfig(seed=seed, batch_size=batch_size), epoch)
    assert sorted(plan.indices) == list(range(len(sides)))
    h, w = np.array(sides)[plan.indices].T
    y, x, bh, bw = plan.boxes.T
    assert (y >= 0).all() and (x >= 0).all() and (bh >= 1).all() and (bw >= 1).all()
    assert (y + bh <= h).all() and (x + bw <= w).all()
    assert plan.num_batches == -(-len(sides) // batch_size)
    covered = [i for s in range(plan.num_batches) for i in range(*plan.batch_slice(s).indices(999))]
    assert covered == list(range(len(sides)))


@given(
    sizes,
    st.sampled_from([1, 2, 3, 4, 6]),
    st.sampled_from(["keep", "drop", "pad"]),
    st.booleans(),
)
def test_ranks_share_each_global_batch(
    sides: list[tuple[int, int]], world: int, tail: Tail, train: bool
) -> None:
    alone = PlanConfig(batch_size=12, tail=tail, train=train)
    whole = plan_of(sides, alone, epoch=3)
    ranks = [
        plan_of(sides, replace(alone, rank=r, world_size=world), epoch=3) for r in range(world)
    ]
    for step in range(whole.num_batches):
        expected = whole.indices[whole.batch_slice(step)]
        parts = [p.indices[p.batch_slice(step)] for p in ranks if step < p.num_batches]
        assert sorted(np.concatenate(parts)) == sorted(expected)
        boxes = [p.boxes[p.batch_slice(step)] for p in ranks if step < p.num_batches]
        order = np.argsort(np.concatenate(parts), kind="stable")
        whole_order = np.argsort(expected, kind="stable")
        whole_boxes = whole.boxes[whole.batch_slice(step)]
        assert np.array_equal(np.concatenate(boxes)[order], whole_boxes[whole_order])
    if tail != "pad":
        together = np.concatenate([p.indices for p in ranks])
        assert len(set(together)) == len(together), "ranks are disjoint"
    if tail != "keep":
        assert len({p.num_batches for p in ranks}) == 1
    for rank, plan in enumerate(ranks):
        config = replace(alone, rank=rank, world_size=world)
        assert plan.num_batches == num_batches(len(sides), config)
        assert plan.bounds[-1] == len(plan.indices), "batches leave nothing out"
        assert (np.diff(plan.bounds) > 0).all(), "no batch is empty"


@given(sizes, st.integers(0, 50))
def test_same_key_same_plan_other_key_other_plan(sides: list[tuple[int, int]], epoch: int) -> None:
    config = PlanConfig(seed=5)
    a, b = plan_of(sides, config, epoch), plan_of(sides, config, epoch)
    for name in ("indices", "boxes", "flips", "bounds"):
        assert np.array_equal(getattr(a, name), getattr(b, name))
    if len(sides) >= 20:
        assert not np.array_equal(a.indices, plan_of(sides, config, epoch + 1).indices)
        assert not np.array_equal(a.indices, plan_of(sides, replace(config, seed=6), epoch).indices)


def test_a_plan_is_the_same_on_every_machine() -> None:
    """Philox is defined to the bit, so these values hold for every release of NumPy."""
    crop = CropConfig(crop_scale=(0.08, 1.0))
    plan = plan_of([(100, 120)] * 8, PlanConfig(seed=1, batch_size=8, crop=crop), epoch=2)
    assert plan.indices.tolist() == [4, 2, 0, 6, 1, 5, 7, 3]
    assert plan.boxes[:3].tolist() == [[59, 80, 38, 28], [17, 41, 38, 43], [14, 44, 83, 73]]
    assert plan.flips.astype(int).tolist() == [1, 0, 0, 1, 1, 1, 1, 0]


def test_crops_have_the_stated_distribution() -> None:
    config = PlanConfig(crop=CropConfig(crop_scale=(0.2, 0.6), crop_ratio=(0.8, 1.25), flip=0.3))
    plan = plan_of([(400, 500)] * 4000, config)
    _, _, h, w = plan.boxes.T.astype(float)
    share, ratio = h * w / 200_000, w / h
    assert share.min() > 0.195 and share.max() < 0.605
    assert abs(share.mean() - 0.4) < 0.01
    assert ratio.min() > 0.78 and ratio.max() < 1.28
    assert abs(np.log(ratio).mean()) < 0.01
    assert abs(plan.flips.mean() - 0.3) < 0.03


def test_an_image_too_long_for_the_ratio_gets_the_largest_centred_crop() -> None:
    plan = plan_of([(10, 1000), (1000, 10)], PlanConfig(crop=CropConfig(crop_scale=(0.9, 1.0))))
    boxes = dict(zip(plan.indices.tolist(), plan.boxes.tolist(), strict=True))
    assert boxes == {0: [0, 493, 10, 13], 1: [493, 0, 13, 10]}


def test_evaluation_is_in_order_with_the_centre_square() -> None:
    config = PlanConfig(train=False, crop=CropConfig(eval_crop=0.5))
    plan = plan_of([(9, 9), (100, 200), (200, 100), (1, 7)], config, span=range(1, 4))
    assert plan.indices.tolist() == [1, 2, 3]
    assert plan.boxes.tolist() == [[25, 75, 50, 50], [75, 25, 50, 50], [0, 3, 1, 1]]
    assert not plan.flips.any()


def test_a_plan_cannot_be_changed() -> None:
    plan = plan_of([(5, 5)], PlanConfig())
    with pytest.raises(ValueError, match="read-only"):
        plan.indices[0] = 3


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"batch_size": 0}, "batch_size is 0, expected at least 1"),
        ({"crop_scale": (0.5, 0.1)}, "crop_scale is"),
        ({"flip": 2.0}, "flip is 2.0, expected a probability"),
        ({"eval_crop": 0.0}, "eval_crop is 0.0"),
        ({"rank": 2, "world_size": 2}, "rank is 2"),
        ({"batch_size": 5, "world_size": 2}, "a multiple of world_size"),
        ({"tail": "cut"}, "tail is 'cut', expected keep, drop or pad"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, "seed is 9223372036854775808, expected from 0 to"),
        ({"epochs": -1}, "epochs is -1, expected 0 or more"),
        ({"rank": -1}, "rank is -1"),
        ({"world_size": 0}, "world_size is 0, expected at least 1"),
        ({"batch_size": 10**7}, "batch_size is 10000000"),
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text.replace("(", r"\(")):
        with_values(PlanConfig(), values)


def test_the_last_seed_there_is_can_be_taken() -> None:
    assert plan_of([(5, 5)], PlanConfig(seed=2**63 - 1)).indices.tolist() == [0]


def test_an_epoch_before_the_first_is_refused() -> None:
    with pytest.raises(ConfigError, match="epoch is -1, expected 0 or more"):
        plan_of([(5, 5)], PlanConfig(), epoch=-1)


@pytest.mark.parametrize(
    ("tail", "counts"), [("keep", [3, 3, 2]), ("drop", [2, 2, 2]), ("pad", [3, 3, 3])]
)
def test_batches_of_a_rank_by_hand(tail: Tail, counts: list[int]) -> None:
    """Two whole batches of 6, and 2 samples for ranks 0 and 1."""
    config = PlanConfig(batch_size=6, tail=tail, world_size=3)
    ranks = [replace(config, rank=rank) for rank in range(3)]
    assert [num_batches(14, rank) for rank in ranks] == counts
    assert [num_batches(12, rank) for rank in ranks] == [2, 2, 2]
    assert num_batches(7, PlanConfig(batch_size=6, repeats=2)) == 3


def test_batches_lie_one_behind_another() -> None:
    plan = plan_of([(5, 5)] * 7, PlanConfig(batch_size=3))
    assert [plan.batch_slice(step) for step in range(3)] == [slice(0, 3), slice(3, 6), slice(6, 7)]


def test_weights_are_drawn_alike_on_every_machine() -> None:
    config = PlanConfig(seed=1)
    plan = make_plan(np.full(8, 9), np.full(8, 9), range(8), config, 2, np.arange(8.0))
    assert sorted(plan.indices.tolist()) == [1, 4, 4, 4, 6, 7, 7, 7]


def test_shares_are_drawn_alike_on_every_machine() -> None:
    """Each file with a share by random numbers of its own."""
    sides, config = np.full(14, 9), PlanConfig(seed=1)
    mix = Mix(plain=np.arange(2), shared=(np.arange(2, 8), np.arange(8, 14)), counts=(3, 2))
    plan = make_plan(sides, sides, range(14), config, 2, mix=mix)
    assert plan.indices.tolist() == [6, 5, 0, 9, 1, 13, 4]


def test_evaluation_takes_no_notice_of_weights() -> None:
    config = PlanConfig(train=False)
    plan = make_plan(np.full(8, 9), np.full(8, 9), range(8), config, 0, np.arange(8.0))
    assert plan.indices.tolist() == list(range(8))


def test_shapes_are_all_that_a_batch_may_have() -> None:
    crop = CropConfig(size_schedule=("24:0.5", "32:1"), eval_size=48)
    config = PlanConfig(crop=crop, epochs=2)
    assert config.shapes == ((24, 24), (32, 32))
    assert replace(config, train=False).shapes == ((48, 48),)


def flips_of(epoch: int, n: int = 400, **settings: object) -> dict[int, list[bool]]:
    """The flips of each record in one epoch."""
    crop = CropConfig(flip_alternates=True, **settings)  # type: ignore[arg-type]
    repeats = 2 if settings.get("flip") == 0.25 else 1
    plan = plan_of([(20, 20)] * n, PlanConfig(seed=5, crop=crop, repeats=repeats), epoch)
    found: dict[int, list[bool]] = {}
    for index, flip in zip(plan.indices, plan.flips, strict=True):
        found.setdefault(int(index), []).append(bool(flip))
    return found


def test_flips_that_alternate_show_both_sides_in_two_epochs() -> None:
    first, second, third = (flips_of(epoch) for epoch in range(3))
    assert all(first[index] != second[index] for index in first)
    assert first == third
    mirrored = sum(flip for (flip,) in first.values())
    assert 150 < mirrored < 250


def test_copies_of_a_sample_take_turns_too() -> None:
    for epoch in range(2):
        assert all(sorted(pair) == [False, True] for pair in flips_of(epoch, flip=0.25).values())


def test_alternating_flips_belong_to_the_record() -> None:
    """What else an epoch holds does not matter."""
    crop = CropConfig(flip_alternates=True)
    config = PlanConfig(seed=5, crop=crop)
    part = plan_of([(20, 20)] * 400, config, 1, range(100, 200))
    whole = flips_of(1)
    for index, flip in zip(part.indices, part.flips, strict=True):
        assert whole[int(index)] == [flip]
    in_order = plan_of([(20, 20)] * 40, replace(config, train=False))
    assert not in_order.flips.any()
    assert not len(make_plan(np.array([], int), np.array([], int), range(0), config, 0).flips)


def test_places_of_boxes_in_wide_images_are_mirrored_with_them() -> None:
    crop = CropConfig(size=(40, 64), crop_mode="padded", crop_padding=16, flip=0.5)
    plain = replace(crop, flip=0.0)
    sides = [(40, 64)] * 30
    plan, unflipped = (plan_of(sides, PlanConfig(crop=c)) for c in (crop, plain))
    assert plan.targets is not None and unflipped.targets is not None
    y, x, h, w = unflipped.targets.T
    assert len(set(x.tolist())) > 3 and len(set(y.tolist())) > 3
    expected = np.stack([y, np.where(plan.flips, 64 - x - w, x), h, w], 1)
    assert np.array_equal(plan.targets, expected)
    several, one = plan.targets_of(slice(3, 9)), plan.target(4)
    assert several is not None and np.array_equal(several, expected[3:9])
    assert one is not None and np.array_equal(one, expected[4])
    filled = plan_of(sides, PlanConfig())
    assert filled.targets_of(slice(3, 9)) is None and filled.target(4) is None
