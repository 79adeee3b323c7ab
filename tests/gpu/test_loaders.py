"""Every loader's batches on the device: the reference's pixels, whatever came before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from headrace.pipeline.batch import Batch
from headrace.pipeline.crops import EVALUATION, TRAINING
from headrace.pipeline.loader import open_loader
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from tests.builders import make_records, reference_images, samples
from tests.promises.test_loaders_agree import OTHERS, TOLERANCES

SHAPE = (40, 56)
BATCH = 7
Make = Callable[[str], Records]


def opened(records: Records, name: str, device: torch.device, **settings: object) -> PlannedLoader:
    """A loader on the device, with crops of every size."""
    keywords = {
        "size": SHAPE,
        "batch_size": BATCH,
        "crop_scale": (0.01, 1.0),
        "workers": 2,
        **settings,
    }
    return open_loader(records, loader=name, device=device, **keywords)  # type: ignore[arg-type]


def differences(loader: PlannedLoader, batch: Batch, epoch: int, step: int) -> np.ndarray:
    """(B, 3 * H * W) differences from the reference, in levels."""
    plan = loader.plan(epoch)
    places = plan.batch_slice(step)
    assert batch.indices.tolist() == plan.indices[places].tolist()
    expected = reference_images(loader.records, plan, places, loader.config.shape)
    found = batch.images.cpu().numpy().astype(np.int16)
    return np.abs(found - expected).reshape(len(expected), -1)


def assert_right(loader: PlannedLoader, batches: list[Batch], epoch: int, start: int = 0) -> None:
    """Samples of the plan, pixels of the reference within the loader's tolerance."""
    assert len(batches) == loader.plan(epoch).num_batches - start
    apart = [differences(loader, batch, epoch, step) for step, batch in enumerate(batches, start)]
    largest, mean = TOLERANCES.get(loader.name, OTHERS)
    found = max(a.max() for a in apart), max(a.mean(axis=1).max() for a in apart)
    assert found[0] <= largest and found[1] <= mean, f"largest, mean: {found}"


@pytest.mark.parametrize("kind", ["jpeg", "raw", "mixed"])
def test_pixels_are_the_references(
    records_of: Make, loader_name: str, device: torch.device, kind: str
) -> None:
    with opened(records_of(kind), loader_name, device) as loader:
        for epoch in (0, 3):
            assert_right(loader, list(loader.epoch(epoch)), epoch)


def test_batches_are_channels_last_bytes_on_the_device(
    records_of: Make, loader_name: str, device: torch.device
) -> None:
    with opened(records_of("mixed"), loader_name, device) as loader:
        for batch in loader.epoch(0):
            assert batch.images.dtype == torch.uint8
            assert batch.images.shape[1:] == (3, *SHAPE)
            assert batch.images.is_contiguous(memory_format=torch.channels_last)
            assert batch.labels.dtype == batch.indices.dtype == torch.int64
            for tensor in batch:
                assert tensor.device == device


def test_a_device_may_be_named_without_its_number(
    records_of: Make, loader_name: str, device: torch.device
) -> None:
    with opened(records_of("mixed"), loader_name, torch.device(device.type)) as loader:
        assert_right(loader, list(loader.epoch(0)), 0)


@pytest.mark.parametrize("mode", TRAINING)
def test_training_crops(
    records_of: Make, loader_name: str, device: torch.device, mode: str
) -> None:
    settings = {"crop_mode": mode, "crop_padding": 9, "crop_scale": (0.08, 1.0)}
    with opened(records_of("mixed"), loader_name, device, **settings) as loader:
        assert_right(loader, list(loader.epoch(0)), 0)


@pytest.mark.parametrize("mode", EVALUATION)
def test_evaluation_crops(
    records_of: Make, loader_name: str, device: torch.device, mode: str
) -> None:
    settings = {"train": False, "eval_mode": mode, "eval_crop": 0.6, "eval_size": SHAPE, "size": 8}
    with opened(records_of("mixed"), loader_name, device, **settings) as loader:
        assert_right(loader, list(loader.epoch(0)), 0)


def test_resume_gives_the_same_batches(
    records_of: Make, loader_name: str, device: torch.device
) -> None:
    with opened(records_of("mixed"), loader_name, device) as loader:
        whole = list(loader.epoch(2))
        for start in (1, len(whole) - 1):
            for ours, theirs in zip(loader.epoch(2, start=start), whole[start:], strict=True):
                assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_leaving_early_leaves_nothing_in_the_next_epoch(
    records_of: Make, loader_name: str, device: torch.device, busy: Callable[[], None]
) -> None:
    """Repeated, with the stream busy while buffers come back."""
    with opened(records_of("mixed"), loader_name, device) as loader:
        for turn in range(4 if device.type == "cpu" else 12):
            for step, _ in enumerate(loader.epoch(turn)):
                busy()
                if step == turn % 3:
                    break
            busy()
            assert_right(loader, list(loader.epoch(turn + 1)), turn + 1)


def test_an_epoch_begun_ends_the_one_before(
    records_of: Make, loader_name: str, device: torch.device
) -> None:
    with opened(records_of("mixed"), loader_name, device) as loader:
        old = loader.epoch(0)
        next(old)
        assert_right(loader, list(loader.epoch(1)), 1)
        assert list(old) == []


def test_two_loaders_at_once(
    records_of: Make, loader_name: str, device: torch.device, busy: Callable[[], None]
) -> None:
    records = records_of("mixed")
    with (
        opened(records, loader_name, device) as one,
        opened(records, loader_name, device, train=False) as other,
    ):
        ours, theirs = [], []
        second = other.epoch(0)
        for batch in one.epoch(0):
            busy()
            ours.append(batch)
            theirs.append(next(second))
        assert_right(one, ours, 0)
        assert_right(other, [*theirs, *second], 0)


def test_bad_samples_are_replaced(tmp_path: Path, loader_name: str, device: torch.device) -> None:
    stored = samples(9, low=40, high=90)
    bad = replace(stored[2], data=b"\xff\xd8" + bytes(len(stored[2].data) - 2))
    cut = replace(stored[6], data=stored[6].data[: len(stored[6].data) // 3])
    with make_records(
        tmp_path / "bad.beton", [*stored[:2], bad, *stored[3:6], cut, *stored[7:]]
    ) as r:
        with opened(r, loader_name, device, on_bad_sample="skip", batch_size=3) as loader:
            largest, _ = TOLERANCES.get(loader_name, OTHERS)
            for epoch in (0, 1):
                before = loader.num_skipped
                plan = loader.plan(epoch)
                images = torch.cat([batch.images for batch in loader.epoch(epoch)]).cpu().numpy()
                assert loader.num_skipped == before + 2
                for place, index in enumerate(plan.indices.tolist()):
                    if index in (2, 6):
                        place = _next_sound(plan.indices.tolist(), place)
                    expected = reference_images(r, plan, slice(place, place + 1), SHAPE)[0]
                    shown = images[plan.indices.tolist().index(index)]
                    assert np.abs(shown.astype(np.int16) - expected).max() <= largest


def _next_sound(indices: list[int], place: int) -> int:
    while indices[place] in (2, 6):
        place = (place + 1) % len(indices)
    return place
