"""A loader with a schedule of sizes hands out what one that was opened at each size would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import torch

from headrace.pipeline.batch import Batch
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders import resident
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import VARIANTS, available_loaders, make_records, samples
from tests.promises.test_loaders_agree import assert_settles, running

EPOCHS = 5
SCHEDULE = ("24:0.4", "48:0.6", "32x40:0.8", "32:1")
SIZES = [24, 24, 48, (32, 40), 32]
PADDING = [3, 3, 6, 4, 4]
BATCH = 8


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    """Every way of storage, with an incomplete last batch."""
    content = [
        sample
        for i, variant in enumerate(VARIANTS)
        for sample in samples(6, variant=variant, seed=i, low=20, high=90)
    ]
    path = tmp_path_factory.mktemp("sizes") / "a.beton"
    with make_records(path, content, {"train": len(content)}) as opened:
        yield opened


def scheduled(records: Records, name: str, mode: str, **settings: Any) -> PlannedLoader:
    """With the schedule of these tests, as long as the settings say no other."""
    own = {"size_schedule": SCHEDULE, "epochs": EPOCHS, "loader": name, "crop_mode": mode}
    return open_loader(records, **{**own, "batch_size": BATCH, "workers": 2, **settings})


def fixed(records: Records, name: str, mode: str, size: Any, **settings: Any) -> PlannedLoader:
    """Of one size."""
    own = {"loader": name, "crop_mode": mode, "size": size, "batch_size": BATCH, "workers": 2}
    return open_loader(records, **{**own, **settings})


@pytest.fixture(scope="module", params=available_loaders())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["random-resized", "padded"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def expected(records: Records, name: str, mode: str) -> list[list[Batch]]:
    """Epoch by epoch, of loaders that have one size each."""
    found = []
    for epoch, (size, padding) in enumerate(zip(SIZES, PADDING, strict=True)):
        with fixed(records, name, mode, size, crop_padding=padding) as loader:
            found.append(list(loader.epoch(epoch)))
    return found


@pytest.fixture(scope="module")
def loader(records: Records, name: str, mode: str) -> Iterator[PlannedLoader]:
    with scheduled(records, name, mode) as opened:
        yield opened


def assert_equal(found: list[Batch], expected: list[Batch]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.images.shape == theirs.images.shape
        assert ours.images.is_contiguous(memory_format=torch.channels_last)
        for one, other in zip(ours, theirs, strict=True):
            assert torch.equal(one, other)


def test_every_epoch_is_that_of_a_loader_of_its_size(
    loader: PlannedLoader, expected: list[list[Batch]]
) -> None:
    """In order, back again, and beyond the end of the run; nothing is opened again."""
    for epoch in (*range(EPOCHS), 2, 0, 4):
        assert loader.shape(epoch) == loader.plan(epoch).shape
        assert_equal(list(loader.epoch(epoch)), expected[epoch])
    assert {tuple(b.images.shape[2:]) for b in loader.epoch(EPOCHS + 7)} == {(32, 32)}


def test_a_pass_follows_a_pass_with_the_next_epochs_size(
    records: Records, name: str, mode: str, expected: list[list[Batch]]
) -> None:
    with scheduled(records, name, mode) as loader:
        for epoch in range(EPOCHS):
            assert_equal(list(loader), expected[epoch])


def test_batches_of_one_size_outlive_the_next(
    loader: PlannedLoader, expected: list[list[Batch]]
) -> None:
    kept = [batch for epoch in (0, 2, 3) for batch in loader.epoch(epoch)]
    list(loader.epoch(2))
    assert_equal(kept, [*expected[0], *expected[2], *expected[3]])


@pytest.mark.parametrize("place", [(1, 3), (2, 2)])
def test_it_goes_on_in_mid_epoch_beside_a_switch(
    records: Records,
    name: str,
    mode: str,
    expected: list[list[Batch]],
    place: tuple[int, int],
) -> None:
    epoch, step = place
    with scheduled(records, name, mode) as before:
        before.set_epoch(epoch)
        if step:
            for number, _ in enumerate(before, 1):
                if number == step:
                    break
        state = before.state_dict()
    with scheduled(records, name, mode) as after:
        after.load_state_dict(state)
        assert_equal(list(after), expected[epoch][step:])
        assert_equal(list(after), expected[epoch + 1])


def test_switching_leaks_nothing(loader: PlannedLoader) -> None:
    for epoch in range(EPOCHS):
        list(loader.epoch(epoch))
    before = running()
    for epoch in (0, 2, 3, 4) * 3:
        next(loader.epoch(epoch))
    assert_settles(before)


def test_evaluation_has_one_size(records: Records) -> None:
    sides: list[tuple[dict[str, int], int]] = [({}, 32), ({"eval_size": 56}, 56)]
    for settings, side in sides:
        evaluated = {"train": False, "eval_mode": "centre"}
        name, mode = "torchvision", "random-resized"
        with ExitStack() as stack:
            loader = stack.enter_context(scheduled(records, name, mode, **evaluated, **settings))
            plain = stack.enter_context(fixed(records, name, mode, side, **evaluated))
            for epoch in (0, 4):
                assert loader.shape(epoch) == (side, side)
                assert_equal(list(loader.epoch(epoch)), list(plain.epoch(epoch)))


def test_a_state_of_other_sizes_is_refused(records: Records) -> None:
    with scheduled(records, "torchvision", "padded") as loader:
        state = loader.state_dict()
    with scheduled(records, "torchvision", "padded", epochs=10) as other:
        with pytest.raises(ConfigError, match="another plan: epochs was 5, is 10"):
            other.load_state_dict(state)
    with fixed(records, "torchvision", "padded", 32) as other:
        with pytest.raises(ConfigError, match=r"size_schedule was .*, is "):
            other.load_state_dict(state)
        plain = other.state_dict()
    del plain["plan"]["size_schedule"], plain["plan"]["epochs"]  # as earlier versions saved it
    with fixed(records, "torchvision", "padded", 32) as again:
        again.load_state_dict(plain)
    with scheduled(records, "torchvision", "padded", size=32) as other:
        with pytest.raises(ConfigError, match=r"size_schedule was .*, is "):
            other.load_state_dict(plain)


def test_resident_images_are_as_large_as_the_largest_size_needs(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = len(records) * 3 * 48**2
    monkeypatch.setattr(resident, "memory_budget", lambda config: room)
    falling = ("48:0.5", "16:1")
    with scheduled(records, "resident", "centre", size_schedule=falling) as loader:
        assert {tuple(batch.images.shape[2:]) for batch in loader.epoch(0)} == {(48, 48)}
    with pytest.raises(ConfigError, match="images at 64 px and may take"):
        scheduled(records, "resident", "centre", size_schedule=("64:0.5", "16:1"))


def test_small_images_keep_the_sizes_that_were_said(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path_factory.mktemp("small") / "small.beton"
    with make_records(path, samples(8, low=30, high=34)) as small:
        with open_loader(small, size_schedule=("24:0.5", "32:1"), epochs=2, split=None) as loader:
            assert loader.shape(0) == (24, 24) and loader.config.plan.crop.geometry == "padded"
    assert "geometry padded (give" in capsys.readouterr().out
