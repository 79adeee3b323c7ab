"""Weighted sampling and repeated augmentation: pure functions of the plan on every loader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.loader import open_loader
from headrace.pipeline.plan import EpochPlan, PlanConfig, Tail, make_plan, num_batches
from headrace.pipeline.records import Records
from headrace.pipeline.sampling import sample_weights
from tests.builders import available_loaders, make_records, reference_images, samples

RNG = np.random.default_rng(0)
HEIGHTS, WIDTHS = RNG.integers(30, 90, (2, 200))
CHOSEN = np.arange(50, 150)


def plan_of(epoch: int = 0, weights: np.ndarray | None = None, **settings: Any) -> EpochPlan:
    config = with_values(PlanConfig(batch_size=12, seed=5), settings)
    return make_plan(HEIGHTS, WIDTHS, CHOSEN, config, epoch, weights)


def test_weights_say_how_often() -> None:
    weights = np.zeros(100)
    weights[[3, 40, 99]] = 1, 2, 7
    drawn = np.concatenate([plan_of(epoch, weights).indices for epoch in range(60)])
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [53, 90, 149]
    assert np.abs(counts / counts.sum() - [0.1, 0.2, 0.7]).max() < 0.02


def test_each_draw_has_a_crop_of_its_own() -> None:
    weights = np.zeros(100)
    weights[7] = 1
    plan = plan_of(weights=weights, crop_scale=(0.1, 0.9))
    assert (plan.indices == 57).all()
    assert len(np.unique(plan.boxes, axis=0)) > 80
    assert 20 < plan.flips.sum() < 80


def test_equal_weights_are_no_shuffle() -> None:
    assert len(np.unique(plan_of().indices)) == 100
    assert 50 < len(np.unique(plan_of(weights=np.ones(100)).indices)) < 75


def test_weights_are_drawn_anew_each_epoch_and_always_the_same() -> None:
    weights = RNG.random(100)
    first, again, second = (plan_of(epoch, weights) for epoch in (0, 0, 1))
    assert np.array_equal(first.indices, again.indices)
    assert np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.indices, second.indices)


def test_repeats_follow_each_other_with_other_crops() -> None:
    plan = plan_of(repeats=3, crop_scale=(0.1, 0.9))
    groups = plan.indices.reshape(-1, 3)
    assert (groups == groups[:, :1]).all()
    assert sorted(groups[:, 0]) == CHOSEN.tolist()
    assert np.array_equal(groups[:, 0], plan_of().indices), "in the order of the plan without"
    boxes = plan.boxes.reshape(-1, 3, 4)
    assert (boxes[:, 0] != boxes[:, 1]).any(axis=1).mean() > 0.95


@pytest.mark.parametrize("tail", ["keep", "drop", "pad"])
@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_ranks_share_the_copies(tail: Tail, repeats: int) -> None:
    whole = plan_of(tail=tail, repeats=repeats)
    parts = [plan_of(tail=tail, repeats=repeats, rank=rank, world_size=4) for rank in range(4)]
    for rank, part in enumerate(parts):
        config = PlanConfig(
            batch_size=12,
            tail=tail,
            repeats=repeats,
            rank=rank,
            world_size=4,
        )
        assert part.num_batches == num_batches(len(CHOSEN), config)
        assert np.array_equal(part.indices, whole.indices[rank::4])
        assert np.array_equal(part.boxes, whole.boxes[rank::4])


def test_evaluation_repeats_nothing() -> None:
    with pytest.raises(ConfigError, match="repeats is 2, expected 1 in evaluation"):
        PlanConfig(train=False, repeats=2)
    with pytest.raises(ConfigError, match="repeats is 0, expected at least 1"):
        PlanConfig(repeats=0)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return make_records(tmp_path / "a.beton", samples(30), {"train": 20, "val": 10})


def test_balanced_classes_are_alike(records: Records) -> None:
    chosen = np.array([0, 1, 3, 6, 9, 12])  # labels 0 1 0 0 0 0
    weights = sample_weights("balanced", records, chosen)
    assert weights is not None
    assert weights.tolist() == [0.2, 1.0, 0.2, 0.2, 0.2, 0.2]
    assert sample_weights("shuffle", records, chosen) is None


@pytest.mark.parametrize("suffix", [".npy", ".txt"])
def test_weights_from_a_file(records: Records, tmp_path: Path, suffix: str) -> None:
    values, path = np.arange(30) / 10, tmp_path / f"w{suffix}"
    np.save(path, values) if suffix == ".npy" else np.savetxt(path, values)
    found = sample_weights(str(path), records, np.array([3, 29]))
    assert found is not None and np.allclose(found, [0.3, 2.9])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("1\n2\n", r"have shape \(2,\), expected one number for each of the 30 samples"),
        ("1\n" * 29 + "-1\n", "expected numbers of 0 or more, not all 0"),
        ("1\n" * 29 + "nan\n", "expected numbers of 0 or more, not all 0"),
        ("1e307\n" * 30, "and with a sum that is a number"),
        ("0\n" * 30, "not all 0 for the samples of --train-split"),
        ("one\n" * 30, "cannot be read"),
    ],
)
def test_a_file_that_does_not_fit(
    records: Records, tmp_path: Path, content: str, text: str
) -> None:
    (tmp_path / "w.txt").write_text(content)
    with pytest.raises(ConfigError, match=text):
        open_loader(records, split=None, sampling=str(tmp_path / "w.txt"))


def test_an_archive_is_no_file_of_weights(records: Records, tmp_path: Path) -> None:
    with (tmp_path / "w.npy").open("wb") as file:
        np.savez(file, weights=np.ones(30))
    with pytest.raises(ConfigError, match=r"--sampling .*w.npy cannot be read"):
        sample_weights(str(tmp_path / "w.npy"), records, np.arange(3))


def test_a_word_that_is_no_sampling(records: Records) -> None:
    with pytest.raises(ConfigError, match="'often', expected shuffle, balanced or a file"):
        open_loader(records, sampling="often", loader="native")


@pytest.mark.parametrize("name", available_loaders())
def test_every_loader_carries_it_out(records: Records, name: str) -> None:
    with open_loader(
        records, loader=name, size=24, batch_size=7, sampling="balanced", repeats=2
    ) as loader:
        plan, batches = loader.plan(1), list(loader.epoch(1))
        assert len(batches) == len(loader) == 6
        indices = torch.cat([batch.indices for batch in batches]).numpy()
        assert np.array_equal(indices, plan.indices)
        images = torch.cat([batch.images for batch in batches]).numpy().astype(np.int16)
        expected = reference_images(records, plan, slice(0, 40), 24)
        assert np.abs(images - expected).max() <= 8
        tail = list(loader.epoch(1, start=4))
        assert all(torch.equal(a.images, b.images) for a, b in zip(tail, batches[4:], strict=True))
