"""Every loader carries out every way of cutting, at sizes that are no squares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from headrace.pipeline.crops import EVALUATION, PLACING, TRAINING
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from tests.builders import VARIANTS, available_loaders, make_records, reference_images, samples
from tests.promises.test_loaders_agree import OTHERS, TOLERANCES

SHAPE = (40, 56)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    """JPEG and raw, as high as wide and not."""
    stored = [
        sample
        for i, variant in enumerate(VARIANTS)
        for sample in samples(5, variant=variant, seed=i, low=17, high=171)
    ]
    with make_records(tmp_path_factory.mktemp("crops") / "mixed.beton", stored) as opened:
        yield opened


@pytest.mark.parametrize("name", available_loaders())
@pytest.mark.parametrize("mode", TRAINING)
def test_training_crops(records: Records, name: str, mode: str) -> None:
    _check(records, name, train=True, crop_mode=mode, size=SHAPE, crop_padding=9)


@pytest.mark.parametrize("name", available_loaders())
@pytest.mark.parametrize("mode", EVALUATION)
def test_evaluation_crops_at_a_size_of_their_own(records: Records, name: str, mode: str) -> None:
    _check(records, name, train=False, eval_mode=mode, size=8, eval_size=SHAPE, eval_crop=0.6)


def _check(records: Records, name: str, **settings: object) -> None:
    largest, mean = TOLERANCES.get(name, OTHERS)
    with open_loader(records, loader=name, batch_size=8, workers=2, **settings) as loader:  # type: ignore[arg-type]
        plan = loader.plan(0)
        for step, batch in enumerate(loader.epoch(0)):
            expected = reference_images(records, plan, plan.batch_slice(step), SHAPE)
            assert batch.images.shape[1:] == (3, *SHAPE)
            assert batch.images.is_contiguous(memory_format=torch.channels_last)
            apart = np.abs(batch.images.numpy().astype(np.int16) - expected)
            assert apart.max() <= largest
            assert apart.reshape(len(expected), -1).mean(axis=1).max() <= mean
            if plan.targets is not None:
                outside = np.ones((len(expected), *SHAPE), bool)
                for image, place in zip(outside, plan.targets[plan.batch_slice(step)], strict=True):
                    y, x, height, width = place
                    image[y : y + height, x : x + width] = False
                assert outside.any()
                assert not batch.images.permute(0, 2, 3, 1).numpy()[outside].any()


@pytest.mark.parametrize("name", available_loaders())
def test_bad_samples_are_replaced_in_their_place(tmp_path: Path, name: str) -> None:
    """Also where the next sample of the plan does not fill its image."""
    stored = samples(6, low=40, high=90)
    bad = replace(stored[2], data=b"\xff\xd8" + bytes(len(stored[2].data) - 2))
    for mode in sorted(PLACING):
        with make_records(tmp_path / f"{mode}.beton", [*stored[:2], bad, *stored[3:]]) as records:
            with open_loader(
                records,
                loader=name,
                size=SHAPE,
                crop_mode=mode,
                batch_size=6,
                on_bad_sample="skip",
            ) as loader:
                plan = loader.plan(0)
                (batch,) = loader.epoch(0)
            place = plan.indices.tolist().index(2)
            after = (place + 1) % 6
            other = reference_images(records, plan, slice(after, after + 1), SHAPE)[0]
            assert batch.indices[place] == plan.indices[after]
            largest, _ = TOLERANCES.get(name, OTHERS)
            assert np.abs(batch.images[place].numpy().astype(np.int16) - other).max() <= largest
