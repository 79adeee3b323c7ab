"""Test-time augmentation: the views of each image over which a prediction is averaged.

Only prediction knows it: the evaluation of a run, and train/evaluate.py, see each image once.
Sources: a report of Hung-yi Lee's course (half for the image, the rest for draws of the training
augmentation); Krizhevsky et al., "ImageNet classification with deep convolutional neural networks",
NeurIPS 2012, section 4.1 (crops of corners and middle, mirrored); Szegedy et al., "Going deeper
with convolutions", CVPR 2015, section 7 (crops at several scales).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from headrace.augment import Augmenter, Preprocess, build_augmenter
from headrace.pipeline.batch import Batch
from headrace.pipeline.crops.part import part_of
from headrace.pipeline.crops.settings import CropConfig
from headrace.train.device.amp import Precision
from headrace.train.settings.config import RunConfig
from headrace.train.settings.views import FLIP, SCALES, TEN, ViewConfig

MIDDLE = ((0.5, 0.5),)
PLACES = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), *MIDDLE)
"""y, x of the five crops."""


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
    seed: int,
) -> list[View]:
    """All views of one model, whose weights sum to 1; the image as it is first, if it has any.

    Views that are cut alike stand side by side.

    Args:
        asked: which views; `tta` is not 0.
        config: the settings of the model's run, whose training crops and recipe are drawn from.
        preprocess: of the model.
        precision: of its forward pass.
        num_classes: of the model.
        seed: of the draws.
    """
    original = plain_view(preprocess, precision, asked.tta_weight)
    if asked.tta == FLIP:
        others = [_mirrored(original)]
    elif asked.scales:
        others = _crops(asked, original)
    else:
        others = _draws(int(asked.tta), config, preprocess, precision, num_classes, seed)
    share = (1 - asked.tta_weight) / len(others)
    others = [dataclasses.replace(view, weight=share) for view in others]
    return [original, *others] if asked.tta_weight else others


def _mirrored(view: View) -> View:
    return dataclasses.replace(view, images_of=lambda batch: view.images_of(batch).flip(3))


def _crops(asked: ViewConfig, original: View) -> list[View]:
    """Boxes of the image at every scale, each followed by its mirror image where that is asked."""
    views = []
    for share in asked.scales:
        for place in MIDDLE if asked.tta == SCALES else PLACES:
            view = dataclasses.replace(original, crop=part_of(original.crop, share, place))
            views += [view, _mirrored(view)] if asked.tta == TEN else [view]
    return views


def _draws(
    count: int,
    config: RunConfig,
    preprocess: Preprocess,
    precision: Precision,
    num_classes: int,
    seed: int,
) -> list[View]:
    whole = build_augmenter(
        config.model.recipe,
        num_classes=num_classes,
        preprocess=preprocess,
        device=precision.device,
        dtype=precision.dtype,
    )
    return [
        View(
            weight=0.0,
            crop=config.data.crop.at_last(),
            drawn=number,
            images_of=_drawn_images(whole, seed, number),
        )
        for number in range(count)
    ]


def _drawn_images(whole: Augmenter, seed: int, number: int) -> Callable[[Batch], Tensor]:
    """The recipe of training with a random stream of its own; mixing images is left out of it."""
    program = dataclasses.replace(whole.program, mix=None)
    stream = (seed + 0x9E3779B97F4A7C15 * (number + 1)) % 2**63
    augmenter = Augmenter(program, whole.preprocess, whole.config, stream)
    return lambda batch: augmenter(batch.images, batch.labels)[0]


def describe_views(asked: ViewConfig, config: RunConfig) -> str:
    """What is averaged, in a line."""
    tta, rest = asked.tta, 1 - asked.tta_weight
    begin = f"test-time augmentation: the image {asked.tta_weight:g}, "
    if tta == FLIP:
        return f"{begin}mirrored {rest:g}"
    if asked.scales:
        sides = ", ".join(f"{scale:g}" for scale in asked.scales)
        number = len(asked.scales) * (1 if tta == SCALES else 5) * (2 if tta == TEN else 1)
        what = {SCALES: "of its middle", TEN: "of its corners and middle, mirrored too,"}
        where = what.get(str(tta), "of its corners and middle")
        count = "1 crop" if number == 1 else f"{number} crops sharing {rest:g}"
        return f"{begin}{count} {where} with {sides} of the largest side"
    crop, recipe = config.data.crop, config.model.recipe
    cut = crop.mode(train=True)
    if cut == "random-resized":
        cut += " {:g} to {:g}".format(*crop.crop_scale)
    named = recipe if isinstance(recipe, str) else "of its own steps"
    count = "1 draw" if tta == 1 else f"{tta} draws sharing {rest:g}"
    return (
        f"{begin}{count}, by the run's own training "
        f"augmentation: crop {cut}, flip {crop.flip:g}, recipe {named}, nothing mixed"
    )
