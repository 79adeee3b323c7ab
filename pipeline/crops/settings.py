"""How samples are cut and to what size, in training and in evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from headrace.pipeline.checking import check, check_choice
from headrace.pipeline.crops import EVALUATION, TRAINING

if TYPE_CHECKING:
    CropMode = str
    EvalMode = str
else:  # what the folder holds is what may be chosen
    CropMode = Literal[tuple(TRAINING)]
    EvalMode = Literal[tuple(EVALUATION)]

MAX_SIZE_PX = 4096
Size = int | tuple[int, int]
"""Side of a square, or height and width, px."""


@dataclass(frozen=True, kw_only=True)
class CropConfig:
    """How samples are cut and to what size.

    Raises:
        ConfigError: for a value that cannot work.
    """

    size: Size = 128
    """Images that the model gets, in pixels: a side, or height and width."""
    crop_mode: CropMode = "random-resized"
    """Training crop: random-resized (a box of random area and shape), padded (a random place, by up
    to --crop-padding beyond the edge), centre, squash (the whole image, out of shape), letterbox
    (the whole image within black)."""
    crop_scale: tuple[float, float] = (0.08, 1.0)
    """Smallest and largest share of the image's area in a random-resized crop."""
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Smallest and largest width / height of a random-resized crop."""
    crop_padding: int = 4
    """Pixels of --size by which a padded crop may lie beyond the image's edge."""
    flip: float = 0.5
    """Probability of a horizontal flip in training."""
    eval_size: Size | None = None
    """Images in evaluation, as --size; by default the same."""
    eval_mode: EvalMode = "centre"
    """Evaluation crop: centre, squash or letterbox."""
    eval_crop: float = 0.875
    """Side of the centre crop in evaluation, as a share of the largest that fits."""

    def __post_init__(self) -> None:
        for name in ("size", "eval_size", "crop_scale", "crop_ratio"):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        for name in ("size", "eval_size"):
            _check_size(name, getattr(self, name))
        check_choice("crop_mode", self.crop_mode, TRAINING)
        low, high = self.crop_scale
        check(0 < low <= high <= 1, "crop_scale", self.crop_scale, "0 < low <= high <= 1")
        low, high = self.crop_ratio
        check(0 < low <= high, "crop_ratio", self.crop_ratio, "0 < low <= high")
        # As large as the size, it would let a crop lie wholly beyond the image.
        limit = min(self.shape(train=True)) if self.crop_mode == "padded" else MAX_SIZE_PX
        expected = f"0 to less than size ({limit})"
        check(0 <= self.crop_padding < limit, "crop_padding", self.crop_padding, expected)
        check(0 <= self.flip <= 1, "flip", self.flip, "a probability from 0 to 1")
        check_choice("eval_mode", self.eval_mode, EVALUATION)
        check(0 < self.eval_crop <= 1, "eval_crop", self.eval_crop, "above 0 and at most 1")

    def shape(self, train: bool) -> tuple[int, int]:
        """Height and width of the images in a batch, px."""
        size = self.size if train or self.eval_size is None else self.eval_size
        return (size, size) if isinstance(size, int) else size

    def mode(self, train: bool) -> str:
        """Which way of cutting: a key of TRAINING."""
        return self.crop_mode if train else self.eval_mode


def _plain(value: Any) -> Any:
    """Lists, as JSON and YAML have them, as tuples, and NumPy's numbers as Python's."""
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _check_size(name: str, size: Any) -> None:
    sides = size if isinstance(size, tuple) else (size, size)
    whole = len(sides) == 2 and all(type(side) is int for side in sides)
    check(
        size is None or (whole and all(1 <= side <= MAX_SIZE_PX for side in sides)),
        name,
        size,
        f"1 to {MAX_SIZE_PX} px, or such a height and width",
    )
