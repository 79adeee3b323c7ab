"""Test-time augmentation: the views of each image over which a prediction is averaged.

Only prediction knows it: the evaluation of a run, and train/evaluate.py, see each image once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from headrace.augment import Augmenter, Preprocess, build_augmenter
from headrace.pipeline.batch import Batch
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.train.device.amp import Precision
from headrace.train.settings.config import RunConfig
from headrace.train.settings.technique import check

FLIP = "flip"
MAX_DRAWS = 1000


@dataclass(frozen=True, kw_only=True)
class View:
    """One way of seeing every image.

    Attributes:
        weight: of its probabilities in the mean.
        crop: how images are cut.
        drawn: the number of the epoch whose training crops are taken; None for the evaluation's.
        images_of: batch to the model's input.
    """

    weight: float
    crop: CropConfig
    drawn: int | None
    images_of: Callable[[Batch], Tensor]


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """Which views there are.

    Attributes:
        tta: 0 for the image alone, a number of draws, or FLIP.
        weight: of the image as it is; the other views share the rest.
        seed: of the draws.

    Raises:
        ConfigError: for a value that cannot work.
    """

    tta: int | str = 0
    weight: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        check(0 < self.weight < 1, "tta_weight", self.weight, "a number between 0 and 1")
        check(0 <= self.seed < 2**63, "seed", self.seed, "0 to 2**63 - 1")


def parse_views(text: str) -> int | str:
    """What --tta asks for: a number of draws, or `flip`.

    Raises:
        ConfigError: for anything else.
    """
    if text == FLIP:
        return FLIP
    if text.isascii() and text.isdecimal() and int(text) <= MAX_DRAWS:
        return int(text)
    raise ConfigError(f"--tta is {text!r}, expected {FLIP}, or 0 to {MAX_DRAWS} draws")


def plain_view(preprocess: Preprocess, precision: Precision, weight: float = 1.0) -> View:
    """Each image as evaluation sees it."""
    return View(
        weight=weight,
        crop=preprocess.crop,
        drawn=None,
        images_of=lambda batch: preprocess.normalise(batch.images, precision.dtype),
    )


def make_views(
    asked: ViewConfig,
    config: RunConfig,
    preprocess: Preprocess,
    precision: Precision,
    num_classes: int,
) -> list[View]:
    """All views of one model, the image as it is first.

    Args:
        asked: which views; `tta` is not 0.
        config: the settings of the model's run, whose training crops and recipe are drawn from.
        preprocess: of the model.
        precision: of its forward pass.
        num_classes: of the model.

    Source of the weights: a report of Hung-yi Lee's course (half for the original, the rest for
    draws of the training augmentation).
    """
    tta, weight = asked.tta, asked.weight
    original = plain_view(preprocess, precision, weight)
    if tta == FLIP:
        mirrored = dataclasses.replace(
            original,
            weight=1 - weight,
            images_of=lambda batch: original.images_of(batch).flip(3),
        )
        return [original, mirrored]
    draws = int(tta)
    whole = build_augmenter(
        config.model.recipe,
        num_classes=num_classes,
        preprocess=preprocess,
        device=precision.device,
        dtype=precision.dtype,
    )
    views = [original]
    for number in range(draws):
        view = View(
            weight=(1 - weight) / draws,
            crop=config.data.crop,
            drawn=number,
            images_of=_drawn_images(whole, asked.seed, number),
        )
        views.append(view)
    return views


def _drawn_images(whole: Augmenter, seed: int, number: int) -> Callable[[Batch], Tensor]:
    """The recipe of training with a random stream of its own; mixing images is left out of it."""
    program = dataclasses.replace(whole.program, mix=None)
    stream = (seed + 0x9E3779B97F4A7C15 * (number + 1)) % 2**63
    augmenter = Augmenter(program, whole.preprocess, whole.config, stream)
    return lambda batch: augmenter(batch.images, batch.labels)[0]


def describe_views(asked: ViewConfig, config: RunConfig) -> str:
    """What is averaged, in a line."""
    tta, weight = asked.tta, asked.weight
    if tta == FLIP:
        return f"test-time augmentation: the image {weight:g}, mirrored {1 - weight:g}"
    crop, recipe = config.data.crop, config.model.recipe
    cut = crop.crop_mode
    if cut == "random-resized":
        cut += " {:g} to {:g}".format(*crop.crop_scale)
    named = recipe if isinstance(recipe, str) else "of its own steps"
    count = "1 draw" if tta == 1 else f"{tta} draws sharing {1 - weight:g}"
    return (
        f"test-time augmentation: the image {weight:g}, {count}, by the run's own training "
        f"augmentation: crop {cut}, flip {crop.flip:g}, recipe {named}, nothing mixed"
    )
