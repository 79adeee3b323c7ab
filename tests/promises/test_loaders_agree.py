"""Every loader delivers the plan's samples in the plan's order, with the reference's pixels."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import psutil
import pytest
import torch

from headrace.pipeline.batch import Batch
from headrace.pipeline.loader import open_loader
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import (
    VARIANTS,
    available_loaders,
    make_records,
    photo,
    reference_images,
    samples,
    stored,
)
from tests.promises.many_lives import LATE_THREADS

TOLERANCES = {
    "torchvision": (0, 0.0),
    "ffcv": (1, 0.3),
    "dali": (8, 0.5),
    "native": (1, 0.3),
    "resident": (1, 0.3),
}
"""Largest difference of any value, largest mean over an image, in levels of 255."""
OTHERS = (4, 1.0)

SIZE = 40
BATCH = 16
PER_VARIANT = 10
NUM_THIN = 4


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    """Every way of storage, odd sizes, images one pixel high or wide; a split behind another."""
    everything = [
        sample
        for i, variant in enumerate(VARIANTS)
        for sample in samples(PER_VARIANT, variant=variant, seed=i, low=17, high=171)
    ]
    sides = [(1, 90), (75, 1), (1, 1), (2, 3)]
    thin = [stored(photo(i, h, w), "444", label=2) for i, (h, w) in enumerate(sides)]
    assert len(thin) == NUM_THIN
    path = tmp_path_factory.mktemp("agree") / "mixed.beton"
    val = everything[::3]
    with make_records(
        path,
        [*everything, *thin, *val],
        {"train": len(everything) + NUM_THIN, "val": len(val)},
    ) as opened:
        yield opened


def open_tested(records: Records, name: str, **settings: object) -> PlannedLoader:
    """A loader whose crops range from one pixel to everything, enlarged and reduced."""
    keywords = {
        "size": SIZE,
        "batch_size": BATCH,
        "crop_scale": (0.0005, 1.0),
        "crop_ratio": (0.05, 20.0),
        "workers": 2,
        **settings,
    }
    return open_loader(records, loader=name, **keywords)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=available_loaders())
def loader(records: Records, request: pytest.FixtureRequest) -> Iterator[PlannedLoader]:
    with open_tested(records, request.param) as opened:
        yield opened


def differences(loader: PlannedLoader, batches: list[Batch], epoch: int, start: int) -> np.ndarray:
    """(n, 3 * S * S) absolute differences from the reference."""
    plan = loader.plan(epoch)
    rows = []
    for step, batch in enumerate(batches, start):
        expected = reference_images(loader.records, plan, plan.batch_slice(step), plan.shape)
        found = batch.images.cpu().numpy().astype(np.int16)
        rows.append(np.abs(found - expected).reshape(len(expected), -1))
    return np.concatenate(rows)


def assert_close(name: str, difference: np.ndarray) -> None:
    largest, mean = TOLERANCES.get(name, OTHERS)
    assert difference.max() <= largest
    assert difference.mean(axis=1).max() <= mean


def assert_planned(loader: PlannedLoader, batches: list[Batch], epoch: int, start: int = 0) -> None:
    """Indices and labels exactly, pixels within the tolerance."""
    plan = loader.plan(epoch)
    assert len(batches) == plan.num_batches - start
    for step, batch in enumerate(batches, start):
        indices = plan.indices[plan.batch_slice(step)]
        assert np.array_equal(batch.indices, indices)
        assert np.array_equal(batch.labels, loader.records.labels[indices])
    assert_close(loader.name, differences(loader, batches, epoch, start))


def running() -> tuple[int, int, int]:
    """Threads of the process, threads of Python, child processes."""
    process = psutil.Process()
    return process.num_threads(), threading.active_count(), len(process.children())


def assert_settles(before: tuple[int, int, int]) -> None:
    """No more is running than before, once the operating system has cleared up."""
    pools = (LATE_THREADS, 0, 0)
    for _ in range(1000):
        allowed = (then + late for then, late in zip(before, pools, strict=True))
        if all(now <= most for now, most in zip(running(), allowed, strict=True)):
            return
        time.sleep(0.05)
    raise AssertionError(f"threads, Python threads, processes: {before} before, {running()} now")


def test_epochs_carry_out_their_plans(loader: PlannedLoader) -> None:
    for epoch in (0, 3):
        assert_planned(loader, list(loader.epoch(epoch)), epoch)


def test_crops_reach_the_extremes(loader: PlannedLoader) -> None:
    """What the tests of this file rely on."""
    sides = np.concatenate([loader.plan(epoch).boxes[:, 2:] for epoch in (0, 3)])
    assert (sides == 1).any(axis=0).all()
    assert (sides > 2 * SIZE).any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_way_of_storage_is_close(loader: PlannedLoader, variant: str) -> None:
    difference = differences(loader, list(loader.epoch(1)), 1, 0)
    first = VARIANTS.index(variant) * PER_VARIANT
    places = np.isin(loader.plan(1).indices, np.arange(first, first + PER_VARIANT))
    assert places.sum() == PER_VARIANT
    assert_close(loader.name, difference[places])


def test_batches_are_channels_last_bytes(loader: PlannedLoader) -> None:
    *full, last = loader.epoch(0)
    for batch in full:
        assert batch.images.shape == (BATCH, 3, SIZE, SIZE)
    assert last.images.shape == ((PER_VARIANT * len(VARIANTS) + NUM_THIN) % BATCH, 3, SIZE, SIZE)
    for batch in (*full, last):
        assert batch.images.dtype == torch.uint8
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert batch.labels.dtype == batch.indices.dtype == torch.int64


def test_batches_stay_as_they_are(loader: PlannedLoader) -> None:
    """A kept batch is not overwritten by later ones."""
    batches = loader.epoch(0)
    first = next(batches)
    before = first.images.clone()
    list(batches)
    list(loader.epoch(1))
    assert torch.equal(first.images, before)


@pytest.mark.parametrize("start", [1, 2, 3, 4])
def test_resume_gives_the_tail_of_the_epoch(loader: PlannedLoader, start: int) -> None:
    tail = list(loader.epoch(2))[start:]
    resumed = list(loader.epoch(2, start=start))
    assert len(resumed) == len(tail) == len(loader) - start
    for ours, theirs in zip(resumed, tail, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert torch.equal(a, b)


def test_leaving_early_leaks_nothing(loader: PlannedLoader) -> None:
    def leave(epoch: int, after: int) -> None:
        for step, _ in enumerate(loader.epoch(epoch)):
            if step == after:
                break

    leave(0, 0)
    before = running()
    for round_ in range(10):
        leave(round_, round_ % len(loader))
    assert_settles(before)
    assert_planned(loader, list(loader.epoch(5)), 5)


def test_leaving_before_the_first_batch(loader: PlannedLoader) -> None:
    loader.epoch(0)
    assert_planned(loader, list(loader.epoch(1, start=2)), 1, 2)


def test_a_new_epoch_ends_the_one_before(loader: PlannedLoader) -> None:
    old = loader.epoch(0)
    next(old)
    assert_planned(loader, list(loader.epoch(1)), 1)
    assert list(old) == []


@pytest.mark.parametrize("name", available_loaders())
def test_evaluation_on_a_rank_of_another_split(records: Records, name: str) -> None:
    with open_tested(
        records, name, split="val", train=False, size=97, batch_size=8, rank=1, world_size=2
    ) as loader:
        batches = list(loader.epoch(0))
        first = records.split("val").start
        assert batches[0].indices.tolist() == [first + 1, first + 3, first + 5, first + 7]
        assert_planned(loader, batches, 0)


@pytest.mark.parametrize("name", available_loaders())
def test_padding_repeats_samples(records: Records, name: str) -> None:
    with open_tested(records, name, split="val", tail="pad", workers=1) as loader:
        assert len(loader.plan(0).indices) % BATCH == 0
        assert_planned(loader, list(loader.epoch(0)), 0)


@pytest.mark.parametrize("name", available_loaders())
def test_opening_and_closing_leaks_no_thread(records: Records, name: str) -> None:
    def open_and_leave() -> None:
        with open_tested(records, name) as loader:
            next(loader.epoch(0))

    open_and_leave()  # what a library starts once and keeps
    before = running()
    for _ in range(3):
        open_and_leave()
    assert_settles(before)


def test_two_loaders_run_side_by_side(records: Records, loader: PlannedLoader) -> None:
    """As training and evaluation do."""
    with open_tested(records, loader.name, split="val", train=False) as other:
        ours, theirs = loader.epoch(0), other.epoch(0)
        mixed = [next(ours), next(theirs), next(ours)]
        assert_planned(loader, [mixed[0], mixed[2], *ours], 0)
        assert_planned(other, [mixed[1], *theirs], 0)
