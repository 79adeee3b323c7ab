"""Files with a share of each epoch: exact counts, nothing twice before all came, any world size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.loader import open_loader
from headrace.pipeline.mix import Mix, shared_counts
from headrace.pipeline.plan import EpochPlan, PlanConfig, make_plan
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.pipeline.shares import epoch_samples, mix_of
from tests.builders import available_loaders, samples, write_beton

HEIGHTS, WIDTHS = np.random.default_rng(0).integers(30, 90, (2, 100))
CLASSES = ("class 0", "class 1", "class 2")


def plan_of(mix: Mix, epoch: int = 0, **changes: Any) -> EpochPlan:
    config = with_values(PlanConfig(batch_size=12, seed=5), changes)
    return make_plan(HEIGHTS, WIDTHS, np.arange(100), config, epoch, mix=mix)


def mix(plain: int, *shared: tuple[int, int]) -> Mix:
    """So many that come once, and (how many there are, how many come) of other files."""
    stops = np.cumsum([plain, *(size for size, _ in shared)])
    return Mix(
        plain=np.arange(plain),
        shared=tuple(
            np.arange(a, a + size) for a, (size, _) in zip(stops[:-1], shared, strict=True)
        ),
        counts=tuple(count for _, count in shared),
    )


@given(
    num_plain=st.integers(1, 40),
    shared=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 50)), min_size=1, max_size=3),
    epoch=st.integers(0, 5),
    seed=st.integers(0, 3),
)
@settings(max_examples=80, deadline=None)
def test_an_epoch_takes_exactly_its_shares(
    num_plain: int, shared: list[tuple[int, int]], epoch: int, seed: int
) -> None:
    made = mix(num_plain, *shared)
    plan = plan_of(made, epoch, seed=seed)
    counts = np.bincount(plan.indices, minlength=100)
    assert len(plan.indices) == made.num_samples == counts.sum()
    assert (counts[:num_plain] == 1).all()
    for places, count in zip(made.shared, made.counts, strict=True):
        own = counts[places]
        assert own.sum() == count
        assert own.max() - own.min() <= 1  # none comes again before all have come


@given(num_plain=st.integers(1, 10**6), shares=st.lists(st.floats(0.001, 0.3), max_size=3))
@settings(max_examples=100, deadline=None)
def test_counts_make_up_the_shares(num_plain: int, shares: list[float]) -> None:
    counts = shared_counts(num_plain, shares)
    whole = num_plain + sum(counts)
    for share, count in zip(shares, counts, strict=True):
        assert abs(count - share * whole) <= 0.5 + 0.5 * len(shares)


def test_counts_of_the_documentation() -> None:
    assert shared_counts(700, [0.3]) == (300,)
    assert shared_counts(1000, [0.5]) == (1000,)
    assert shared_counts(600, [0.3, 0.1]) == (300, 100)


def test_each_epoch_draws_others_and_always_the_same() -> None:
    made = mix(10, (40, 15))
    first, again, second = (plan_of(made, epoch) for epoch in (0, 0, 1))
    assert np.array_equal(first.indices, again.indices)
    assert np.array_equal(first.boxes, again.boxes)
    drawn = [set(plan.indices[plan.indices >= 10].tolist()) for plan in (first, second)]
    assert len(drawn[0]) == len(drawn[1]) == 15 and drawn[0] != drawn[1]
    assert set(plan_of(made, seed=6).indices.tolist()) != set(first.indices.tolist())


def test_files_with_shares_draw_apart() -> None:
    plan = plan_of(mix(2, (40, 20), (40, 20)))
    one, other = (np.sort(plan.indices[(plan.indices - 2) // 40 == n]) for n in (0, 1))
    assert len(one) == 20 and not np.array_equal(one + 40, other)


@pytest.mark.parametrize("world", [2, 3, 4])
@pytest.mark.parametrize("repeats", [1, 2])
def test_ranks_share_the_epoch_whatever_their_number(world: int, repeats: int) -> None:
    made = mix(31, (17, 22))
    alone = plan_of(made, 3, repeats=repeats)
    ranks = [plan_of(made, 3, repeats=repeats, rank=r, world_size=world) for r in range(world)]
    for step in range(alone.num_batches):
        parts = [plan.indices[plan.batch_slice(step)] for plan in ranks if step < plan.num_batches]
        whole = alone.indices[alone.batch_slice(step)]
        assert sorted(np.concatenate(parts).tolist()) == sorted(whole.tolist())
    assert (np.bincount(alone.indices, minlength=48)[:31] == repeats).all()
    assert len(alone.indices) == repeats * 53


def test_evaluation_knows_no_shares() -> None:
    plan = plan_of(mix(10, (90, 5)), train=False)
    assert np.array_equal(plan.indices, np.arange(100))


def test_how_often_classes_come() -> None:
    made = mix(4, (4, 6))
    labels = np.array([0, 0, 1, 2, 2, 2, 2, 1])
    assert made.class_counts(labels, 4).tolist() == [2, 1 + 1.5, 1 + 4.5, 0]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """12 samples to learn from and 4 to measure on; 9 to learn from."""
    real, other = tmp_path / "real.beton", tmp_path / "other.beton"
    splits = {"train": (0, 12), "val": (12, 16)}
    write_beton(real, samples(16, low=20, high=40), Manifest(classes=CLASSES, splits=splits))
    write_beton(other, samples(9, low=20, high=40, seed=1), Manifest(classes=CLASSES))
    return real, other


def open_mixed(files: tuple[Path, Path], share: str = "0.4", **changes: Any) -> PlannedLoader:
    given: dict[str, Any] = {"loader": "native", "workers": 1, "size": 16, "batch_size": 6}
    return open_loader([files[0], f"{files[1]}:{share}"], **{**given, **changes})


@pytest.mark.parametrize("name", [name for name in available_loaders() if name != "ffcv"])
def test_loaders_deliver_shares(files: tuple[Path, Path], name: str) -> None:
    with open_mixed(files, loader=name) as loader:
        assert len(loader) == 4  # 12 and 8
        for epoch in (0, 1):
            batches = list(loader.epoch(epoch))
            indices = np.concatenate([batch.indices.numpy() for batch in batches])
            assert np.array_equal(indices, loader.plan(epoch).indices)
            counts = np.bincount(loader.records.file_of[indices], minlength=2)
            assert counts.tolist() == [12, 8]
            assert len(np.unique(indices)) == 20
            labels = np.concatenate([batch.labels.numpy() for batch in batches])
            assert np.array_equal(labels, loader.records.labels[indices])


def test_too_few_begin_again(files: tuple[Path, Path]) -> None:
    with open_mixed(files, "0.7") as loader:
        counts = np.bincount(loader.plan(0).indices, minlength=25)
        assert counts[loader.records.file_of == 1].sum() == 28
        assert set(counts[loader.records.file_of == 1].tolist()) == {3, 4}


def test_the_validation_split_is_measured_once(files: tuple[Path, Path]) -> None:
    with open_mixed(files, train=False, split=None) as loader:
        assert np.array_equal(loader.plan(0).indices, np.arange(25))


def test_a_state_of_mid_epoch_goes_on_and_is_of_its_shares(files: tuple[Path, Path]) -> None:
    with open_mixed(files) as loader, open_mixed(files) as other:
        loader.set_epoch(1)
        whole = list(loader)
        loader.set_epoch(2)
        passing = iter(loader)
        next(passing), next(passing)
        other.load_state_dict(loader.state_dict())
        rest, again = list(passing), list(other)
        assert len(whole) == 4 and len(rest) == len(again) == 2
        for one, two in zip(rest, again, strict=True):
            assert np.array_equal(one.indices, two.indices)
            assert np.array_equal(one.images, two.images)
        state = loader.state_dict()
    with open_mixed(files, "0.41") as loader:  # of which as many come
        assert len(loader) == 4
        loader.load_state_dict(state)
    with open_mixed(files, "0.3") as loader, pytest.raises(ConfigError, match="of other data"):
        loader.load_state_dict(state)


def test_a_share_and_another_sampling_both_say_how_often(files: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError) as error:
        open_mixed(files, sampling="balanced")
    assert "sampling is 'balanced' beside the share of" in str(error.value)
    assert "leave one out, --sampling or :0.4" in str(error.value)
    with open_loader(list(files), loader="native", workers=1, sampling="balanced") as loader:
        assert sum(map(len, (batch.labels for batch in loader))) == 21


@pytest.mark.parametrize(
    ("split", "share", "message"),
    [
        ("val", "0.5", "it has no samples in --train-split; choose a split that it has"),
        ("train[12:]", "0.5", "no file without a share has samples in --train-split"),
        ("train", "0.001", "beside 12 samples this share comes to 0 samples"),
    ],
)
def test_a_share_of_nothing_is_refused(
    files: tuple[Path, Path], split: str, share: str, message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        open_mixed(files, share, split=split)
    assert message in str(error.value) and str(files[1]) in str(error.value)


def test_how_many_an_epoch_takes(files: tuple[Path, Path]) -> None:
    with Records.open([files[0], f"{files[1]}:0.4"]) as records:
        assert epoch_samples(records, records.select("train")) == 20
        assert epoch_samples(records, np.zeros(0, np.int64)) == 0
        made = mix_of(records, records.select("train"))
        assert made is not None and made.counts == (8,)
    with Records.open(list(files)) as records:
        assert mix_of(records, records.select("train")) is None
        assert epoch_samples(records, records.select("train")) == 21
