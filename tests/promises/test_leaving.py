"""An epoch that is left early, in whatever way, changes nothing of the epochs after it."""

from __future__ import annotations

import gc
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders import resident
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import available_loaders, make_records, samples

BATCH, SIZE, NUM_SAMPLES = 32, 96, 120
FEW, MANY = 3, 40
"""Rounds with each way of leaving."""


def by_break(loader: PlannedLoader, batches: int) -> None:
    for step, _ in enumerate(loader.epoch(0)):
        if step + 1 == batches:
            break


def by_exception(loader: PlannedLoader, batches: int) -> None:
    try:
        for step, _ in enumerate(loader.epoch(0)):
            if step + 1 == batches:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass


def by_close(loader: PlannedLoader, batches: int) -> None:
    with closing(loader.epoch(0)) as epoch:
        for _ in range(batches):
            next(epoch)


def by_collection(loader: PlannedLoader, batches: int) -> None:
    epoch = loader.epoch(0)
    for _ in range(batches):
        next(epoch)
    cycle: list[object] = [epoch]
    cycle.append(cycle)
    del epoch, cycle
    gc.collect()


def by_another_epoch(loader: PlannedLoader, batches: int) -> None:
    first = loader.epoch(0)
    for _ in range(batches):
        next(first)
    next(loader.epoch(2))
    assert list(first) == []


WAYS: list[Callable[[PlannedLoader, int], None]] = [
    by_break,
    by_exception,
    by_close,
    by_collection,
    by_another_epoch,
]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    content = samples(NUM_SAMPLES, low=100, high=160)
    with make_records(tmp_path_factory.mktemp("leaving") / "a.beton", content) as opened:
        yield opened


def leave_often(records: Records, name: str, workers: int, rounds: int) -> None:
    with open_loader(records, loader=name, size=SIZE, batch_size=BATCH, workers=workers) as loader:
        right = [batch.images.clone() for batch in loader.epoch(1)]
        wrong = []
        for round_ in range(rounds):
            for leave in WAYS:
                leave(loader, 1 + round_ % 2)
                found = [batch.images for batch in loader.epoch(1)]
                assert len(found) == len(right)
                wrong += [
                    (round_, leave.__name__, step)
                    for step, (a, b) in enumerate(zip(found, right, strict=True))
                    if not torch.equal(a, b)
                ]
        assert wrong == []


@pytest.mark.parametrize("workers", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4))])
@pytest.mark.parametrize("name", available_loaders())
def test_later_epochs_are_right(records: Records, name: str, workers: int) -> None:
    leave_often(records, name, workers, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("name", available_loaders())
def test_later_epochs_are_right_many_times(records: Records, name: str, workers: int) -> None:
    leave_often(records, name, workers, MANY)


def test_a_job_that_is_still_writing_keeps_its_buffer(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the jobs of the batch ahead is held up until the next epoch is complete."""
    held_up, go_on, written = threading.Event(), threading.Event(), threading.Event()
    write = resident.resize_stored
    calls = itertools.count(1)

    def write_late(*arguments: Any) -> None:
        late = next(calls) == 3  # two workers share a batch, so this is of the second one
        if late:
            held_up.set()
            assert go_on.wait(60)
        write(*arguments)
        if late:
            written.set()

    with open_loader(records, loader="resident", size=SIZE, batch_size=BATCH, workers=2) as loader:
        right = [batch.images.clone() for batch in loader.epoch(1)]
        monkeypatch.setattr(resident, "resize_stored", write_late)
        next(loader.epoch(0))
        assert held_up.wait(60)
        found = [batch.images for batch in loader.epoch(1)]
        go_on.set()
        assert written.wait(60)
        assert all(torch.equal(a, b) for a, b in zip(found, right, strict=True))


def test_an_epoch_keeps_its_loader(tmp_path: Path) -> None:
    """A loader that nobody holds but its epoch lives, and ends cleanly, with it."""
    make_records(tmp_path / "a.beton", samples(12))
    for name in available_loaders():
        seen = [
            batch.indices
            for batch in open_loader(tmp_path / "a.beton", loader=name, batch_size=5).epoch()
        ]
        assert np.array_equal(np.sort(torch.cat(seen)), np.arange(12))
