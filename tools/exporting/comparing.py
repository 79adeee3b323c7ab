"""Whether an exported file says what its model says, of the same images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from headrace.augment.preprocess import Preprocess
from headrace.pipeline.crops import crop_of
from headrace.pipeline.crops.cuts import draws_nothing
from headrace.pipeline.errors import FailedError
from headrace.pipeline.resampling.boxes import resize_stored
from headrace.pipeline.wording import one_line
from headrace.tools.exporting.opened import Opened
from headrace.tools.exporting.trial_images import made_up_images

TOLERANCE = 0.01
"""Largest difference of a probability: what some pixels that are rounded otherwise may make."""


class Difference(NamedTuple):
    """What a comparison has found.

    Attributes:
        largest: of all probabilities.
        num_images: compared.
    """

    largest: float
    num_images: int


def compare(
    opened: Opened, model: nn.Module, preprocess: Preprocess, batches: Sequence[np.ndarray]
) -> Difference:
    """Both on the same images, the model's cut and resized as evaluation does it.

    Args:
        opened: the file.
        model: on the CPU.
        preprocess: of the model.
        batches: each (B, h, w, 3) uint8.

    Raises:
        FailedError: if they differ, naming where.
    """
    largest = 0.0
    for images in batches:
        _, found = _answer(opened, images)
        expected = model_answers(model, preprocess, images)
        largest = max(largest, _difference(found, expected, images))
    return Difference(largest, sum(map(len, batches)))


def compare_with_itself(opened: Opened) -> Difference:
    """What it says of the made-up images, and what was said when it was written.

    Raises:
        FailedError: if they differ, naming where.
    """
    said, largest = opened.description, 0.0
    images = made_up_images(Preprocess.from_dict(said.preprocess).crop.shape(train=False))
    for image, expected in zip(images, said.answers, strict=True):
        _, found = _answer(opened, image[None])
        largest = max(largest, _difference(found, np.array([expected]), image[None]))
    return Difference(largest, len(images))


def model_answers(model: nn.Module, preprocess: Preprocess, images: np.ndarray) -> np.ndarray:
    """(B, classes) float32 probabilities of (B, h, w, 3) uint8, by evaluation's own code."""
    cut = np.stack([evaluation_pixels(image, preprocess) for image in images])
    normalised = preprocess.normalise(torch.from_numpy(cut).permute(0, 3, 1, 2))
    model.eval()
    with torch.no_grad():
        found: np.ndarray = model(normalised).float().softmax(1).numpy()
    return found


def evaluation_pixels(image: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """(H, W, 3) uint8: what evaluation makes of (h, w, 3) uint8."""
    crop = preprocess.crop
    shape = crop.shape(train=False)
    sides = (np.array([side], np.int64) for side in image.shape[:2])
    cuts = crop_of(crop.mode(train=False)).cut(*sides, crop, shape, draws_nothing)
    out = np.empty((1, *shape, 3), np.uint8)
    memory = np.ascontiguousarray(image).reshape(-1)
    begin, widths, flips = np.zeros(1, np.int64), np.array([image.shape[1]]), np.zeros(1, bool)
    resize_stored(memory, begin, widths, cuts.boxes, flips, out, cuts.targets)
    return out[0]


def _answer(opened: Opened, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the file says; that it cannot is said of these images."""
    try:
        return opened.answer(np.ascontiguousarray(images))
    except Exception as error:  # whatever its runtime raises
        reason = one_line(error, 300)
        raise FailedError(f"the file fails on {_told(images)}: {reason}") from None


def _difference(found: np.ndarray, expected: np.ndarray, images: np.ndarray) -> float:
    if found.shape != expected.shape:
        raise FailedError(
            f"the file gives {found.shape} probabilities for {_told(images)}, the model "
            f"{expected.shape}"
        )
    largest = float(np.abs(found - expected).max())
    if not largest <= TOLERANCE:  # NaN too
        raise FailedError(
            f"the file's probabilities differ from the model's by {largest:.3g} for "
            f"{_told(images)}, more than {TOLERANCE:g}"
        )
    return largest


def _told(images: np.ndarray) -> str:
    count, height, width, _ = images.shape
    return f"{count} of {width}x{height} px"
