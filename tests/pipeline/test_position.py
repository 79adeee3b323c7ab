"""A loader in somebody's loop: passes, `set_epoch`, and going on from a saved state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import available_loaders, make_records, samples

BATCH, NUM_SAMPLES = 4, 18
STEPS = -(-NUM_SAMPLES // BATCH)
SETTINGS: dict[str, Any] = {"size": 16, "batch_size": BATCH, "seed": 5, "workers": 1}

Delivered = tuple[list[int], bytes]
Pair = tuple[PlannedLoader, PlannedLoader, list[list[Delivered]]]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    path = tmp_path_factory.mktemp("position") / "a.beton"
    with make_records(path, samples(NUM_SAMPLES)) as found:
        yield found


@pytest.fixture(scope="module", params=available_loaders())
def pair(request: pytest.FixtureRequest, records: Records) -> Iterator[Pair]:
    """Two loaders alike, and what they give: opening them is what takes time, and `begin` makes
    new ones of them."""
    with open_loader(records, loader=request.param, **SETTINGS) as one:
        with open_loader(records, loader=request.param, **SETTINGS) as other:
            yield one, other, first_of(one, 5)


@pytest.fixture
def loader(records: Records) -> Iterator[PlannedLoader]:
    with open_loader(records, loader="native", **SETTINGS) as found:
        yield found


def delivered(batches: Any) -> list[Delivered]:
    return [(batch.indices.tolist(), batch.images.numpy().tobytes()) for batch in batches]


def first_of(loader: PlannedLoader, epochs: int) -> list[list[Delivered]]:
    """An undisturbed loader's epochs, asked for one by one."""
    return [delivered(loader.epoch(epoch)) for epoch in range(epochs)]


def begin(loader: PlannedLoader) -> dict[str, Any]:
    """Puts a used loader where a new one is."""
    loader.set_epoch(1)
    loader.set_epoch(0)
    return loader.state_dict()


@settings(max_examples=8, deadline=None)
@given(epoch=st.integers(0, 3), steps=st.integers(0, STEPS), ended=st.booleans())
def test_the_rest_is_what_an_undisturbed_loader_gives(
    pair: Pair, epoch: int, steps: int, ended: bool
) -> None:
    """For every loader; `ended`: the end of the pass was seen too, where it was reached."""
    one, other, whole = pair
    begin(one)
    begin(other)
    for number in range(epoch):
        assert delivered(one) == whole[number]
    under_way = iter(one)
    assert delivered(islice(under_way, steps)) == whole[epoch][:steps]
    at_end = steps == STEPS and ended
    assert (next(under_way, None) is None) if at_end else True
    state = json.loads(json.dumps(one.state_dict()))
    assert (state["epoch"], state["step"]) == ((epoch + 1, 0) if at_end else (epoch, steps))

    other.load_state_dict(state)
    assert other.state_dict() == state
    if not at_end:
        assert delivered(other) == whole[epoch][steps:]
    assert delivered(other) == whole[epoch + 1]
    # And of the first loader nothing was taken.
    assert delivered(under_way) == ([] if at_end else whole[epoch][steps:])


def test_passes_go_through_the_epochs_one_by_one(loader: PlannedLoader) -> None:
    whole = first_of(loader, 3)
    begin(loader)
    assert [delivered(loader) for _ in range(3)] == whole
    assert len(loader) == len(whole[0]) == STEPS


def test_a_pass_that_is_left_early_is_not_gone_through_again(loader: PlannedLoader) -> None:
    whole = first_of(loader, 3)
    begin(loader)
    assert delivered(islice(loader, 2)) == whole[0][:2]
    assert loader.state_dict()["step"] == 2
    assert delivered(loader) == whole[1]


def test_set_epoch_names_the_next_pass(loader: PlannedLoader) -> None:
    whole = first_of(loader, 4)
    for epoch in (3, 3, 1):
        loader.set_epoch(epoch)
        assert (loader.state_dict()["epoch"], loader.state_dict()["step"]) == (epoch, 0)
        assert delivered(loader) == whole[epoch]
    loader.set_epoch(2)
    next(iter(loader))
    loader.set_epoch(2)
    assert delivered(loader) == whole[2]
    for wrong in (-1, 1.5, "2", True):
        with pytest.raises(ConfigError, match=r"epoch is .*expected a whole number from 0"):
            loader.set_epoch(wrong)  # type: ignore[arg-type]


def test_a_loop_that_sets_every_epoch_goes_on_in_the_middle(loader: PlannedLoader) -> None:
    whole = first_of(loader, 3)
    loader.set_epoch(1)
    next(iter(loader))
    state = loader.state_dict()
    loader.load_state_dict(state)
    loader.set_epoch(1)
    assert delivered(loader) == whole[1][1:]
    loader.load_state_dict(state)
    loader.set_epoch(2)  # another than was saved: from its start
    assert delivered(loader) == whole[2]


def test_an_epoch_asked_for_by_number_counts_too(loader: PlannedLoader) -> None:
    whole = first_of(loader, 4)
    epoch = loader.epoch(2, start=1)
    next(epoch)
    state = loader.state_dict()
    assert (state["epoch"], state["step"]) == (2, 2)
    loader.load_state_dict(state)
    assert list(epoch) == []  # it was ended
    assert loader.state_dict() == state
    assert delivered(loader) == whole[2][2:]
    assert delivered(loader) == whole[3]


def test_an_iterator_that_was_replaced_moves_nothing(loader: PlannedLoader) -> None:
    old = iter(loader)
    new = iter(loader)
    next(new)
    state = loader.state_dict()
    assert list(old) == []
    assert loader.state_dict() == state


def test_a_position_fits_any_number_of_processes(records: Records) -> None:
    """A step takes the same samples, whoever loads them."""
    with open_loader(records, loader="native", **SETTINGS) as loader:
        for _ in islice(loader, 2):
            pass
        state = loader.state_dict()
        rest = [index for batch in loader.epoch(0, start=2) for index in batch.indices.tolist()]
    seen: list[int] = []
    for rank in range(2):
        share = {**SETTINGS, "rank": rank, "world_size": 2}
        with open_loader(records, loader="native", **share) as loader:
            loader.load_state_dict(state)
            seen += [index for batch in loader for index in batch.indices.tolist()]
    assert sorted(seen) == sorted(rest)
    # 18 samples by 4 leave 2, a batch less for the second of four processes' third.
    with open_loader(records, loader="native", rank=3, world_size=4, **SETTINGS) as loader:
        loader.load_state_dict({**state, "step": STEPS})
        assert list(loader) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"batch_size": 8}, "of another plan: batch_size was 4, is 8; open the loader as it was"),
        ({"seed": 6}, "seed was 5, is 6"),
        ({"size": 24}, "size was 16, is 24"),
        ({"crop_scale": (0.5, 1.0)}, r"crop_scale was \[0.25, 1.0\], is \[0.5, 1.0\]"),
        ({"train": False}, "train was True, is False"),
        ({"at_most": 9}, "of other data .18 samples, here are 9 samples;"),
        ({"sampling": "balanced"}, "of other data .18 samples, here are 18 samples;"),
    ],
)
def test_another_plans_state_is_refused(
    records: Records, loader: PlannedLoader, change: dict[str, Any], text: str
) -> None:
    state = loader.state_dict()
    with open_loader(records, loader="native", **{**SETTINGS, **change}) as other:
        with pytest.raises(ConfigError, match=text) as error:
            other.load_state_dict(state)
        assert "\n" not in str(error.value)


def test_other_data_of_as_many_samples_is_refused(tmp_path: Path, loader: PlannedLoader) -> None:
    with make_records(tmp_path / "b.beton", samples(NUM_SAMPLES, seed=1)) as others:
        with open_loader(others, loader="native", **SETTINGS) as other:
            with pytest.raises(ConfigError, match="of other data"):
                other.load_state_dict(loader.state_dict())


def test_a_closed_loader_still_says_where_it_was(tmp_path: Path) -> None:
    make_records(tmp_path / "a.beton", samples(6)).close()
    with open_loader(tmp_path / "a.beton", loader="native", size=16, batch_size=2) as loader:
        next(iter(loader))
        before = loader.state_dict()
    loader.records.close()
    assert loader.state_dict() == before
    assert loader.position == (0, 1)


NO_PLAN: dict[str, Any] = {"version": 1, "epoch": 0, "step": 1, "plan": None, "data": {}}


@pytest.mark.parametrize("state", [None, {}, {"epoch": 1}, [1], NO_PLAN])
def test_what_is_no_state_is_refused(loader: PlannedLoader, state: Any) -> None:
    with pytest.raises(ConfigError, match=r"expected what state_dict\(\) of a loader gave"):
        loader.load_state_dict(state)


@pytest.mark.parametrize("change", [{"step": -1}, {"step": 1.5}, {"epoch": -1}, {"version": 9}])
def test_a_damaged_state_is_refused(loader: PlannedLoader, change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"expected a whole number|version 9"):
        loader.load_state_dict({**loader.state_dict(), **change})


def test_other_workers_and_another_loader_go_on_too(records: Records) -> None:
    with open_loader(records, loader="native", **SETTINGS) as one:
        for _ in islice(one, 2):
            pass
        state = one.state_dict()
        rest = [batch.indices for batch in one.epoch(0, start=2)]
    with open_loader(records, loader="torchvision", **{**SETTINGS, "workers": 0}) as other:
        other.load_state_dict(state)
        for batch, indices in zip(other, rest, strict=True):
            assert np.array_equal(batch.indices, indices)
