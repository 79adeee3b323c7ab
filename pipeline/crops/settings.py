"""How samples are cut and to what size, in training and in evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from headrace.pipeline.checking import check, check_choice
from headrace.pipeline.crops import EVALUATION, PLACING, TRAINING
from headrace.pipeline.crops.geometry import (
    GEOMETRIES,
    USUAL_GEOMETRY,
    USUAL_SIZE_PX,
    Geometry,
)
from headrace.pipeline.crops.size_schedule import read_schedule, stage_of
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.limits import check_limits

if TYPE_CHECKING:
    CropMode = str
    EvalMode = str
    GeometryName = str
else:  # what the folder holds is what may be chosen
    CropMode = Literal[tuple(TRAINING)]
    EvalMode = Literal[tuple(EVALUATION)]
    GeometryName = Literal[tuple(GEOMETRIES)]

MAX_SIZE_PX = 4096
Size = int | tuple[int, int]
"""Side of a square, or height and width, px."""


@dataclass(frozen=True, kw_only=True)
class CropConfig:
    """How samples are cut and to what size.

    What is None is chosen: how to cut as `geometry` says, and size and geometry as is usual for
    images as large as these.

    Raises:
        ConfigError: for a value that cannot work.
    """

    size: Size | None = None
    """Images that the model gets, in pixels: a side, or height and width; by default 128, and 32
    where the images are about as small."""
    size_schedule: tuple[str, ...] = ()
    """Sizes that change between epochs, each with the share of the run up to which it holds:
    96:0.5 128:0.8 160:1. The last one is --size, and evaluation's without --eval-size."""
    geometry: GeometryName | None = None
    """How training and evaluation cut: crop (random boxes; the middle), padded (a random place, a
    little beyond the edge; the middle), centre (the middle), squash (the whole image, out of
    shape), letterbox (the whole image within black); by default crop, and padded for images of
    about 32 px."""
    crop_mode: CropMode | None = None
    """Training crop, if not as --geometry says: random-resized, padded, centre, squash or
    letterbox."""
    crop_scale: tuple[float, float] = (0.25, 1.0)
    """Smallest and largest share of the image's area in a random-resized crop."""
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Smallest and largest width / height of a random-resized crop."""
    crop_padding: int = 4
    """Pixels of --size by which a padded crop may lie beyond the image's edge; at other sizes of
    --size-schedule as large a share of the side."""
    flip: float = 0.5
    """Probability of a horizontal flip in training."""
    flip_alternates: bool = False
    """Draw the flips of the first epoch alone, and mirror in each epoch what was not in the one
    before: of two epochs in a row every image is seen both ways (with --flip 0.5)."""
    eval_size: Size | None = None
    """Images in evaluation, as --size; by default the same."""
    eval_mode: EvalMode | None = None
    """Evaluation crop, if not as --geometry says: centre, squash or letterbox."""
    eval_crop: float | None = None
    """Side of the centre crop in evaluation, as a share of the largest that fits; by default 0.875
    after random-resized crops, else 1."""
    sharpness: float = 1.0
    """Where records have smaller sizes beside an image (pack --levels), a crop is read from the
    smallest that still has so many pixels for each of the batch's, along both sides; inf reads the
    image itself always."""
    eval_sharpness: float = 1.0
    """As --sharpness, in evaluation."""

    def __post_init__(self) -> None:
        for name in ("size", "eval_size", "crop_scale", "crop_ratio"):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        for name in ("size", "eval_size"):
            _check_size(name, getattr(self, name))
        self._check_schedule()
        self._check_modes()
        low, high = self.crop_scale
        check(0 < low <= high <= 1, "crop_scale", self.crop_scale, "0 < low <= high <= 1")
        low, high = self.crop_ratio
        check(0 < low <= high, "crop_ratio", self.crop_ratio, "0 < low <= high")
        # As large as the size, it would let a crop lie wholly beyond the image.
        limit = min(self.shape(train=True)) if self.mode(train=True) == "padded" else MAX_SIZE_PX
        expected = f"0 to less than size ({limit})"
        check(0 <= self.crop_padding < limit, "crop_padding", self.crop_padding, expected)
        check(0 <= self.flip <= 1, "flip", self.flip, "a probability from 0 to 1")
        check(0 < self.eval_share <= 1, "eval_crop", self.eval_crop, "above 0 and at most 1")
        for name in ("sharpness", "eval_sharpness"):
            value = getattr(self, name)
            check(value > 0, name, value, "a number above 0, or inf to read no smaller sizes")
        check_limits(self)

    def _check_schedule(self) -> None:
        words = self.size_schedule
        words = (words,) if isinstance(words, str) else tuple(words)
        object.__setattr__(self, "size_schedule", words)
        for stage in read_schedule(words):
            _check_size("size_schedule", stage.size)
        if words and self.size is not None and self.shape(train=True) != self.shapes[-1]:
            last = words[-1].partition(":")[0]
            raise ConfigError(
                f"size is {self.size}, expected {last}, the last of size_schedule "
                f"{' '.join(words)}, or nothing; evaluation's own size is eval_size"
            )

    def _check_modes(self) -> None:
        choices: dict[str, Iterable[str]] = {
            "geometry": GEOMETRIES,
            "crop_mode": TRAINING,
            "eval_mode": EVALUATION,
        }
        for name, known in choices.items():
            value = getattr(self, name)
            if value is not None:
                check_choice(name, value, known)
        said = (self.crop_mode, self.eval_mode)
        idle = self.geometry is not None and None not in said and said != self._geometry[:2]
        both = f"nothing beside crop_mode {self.crop_mode} and eval_mode {self.eval_mode}, which "
        expected = f"{both}decide both sides without it; leave it or one of them out"
        check(not idle, "geometry", self.geometry, expected)

    @property
    def _geometry(self) -> Geometry:
        return GEOMETRIES[self.geometry or USUAL_GEOMETRY]

    def side(self, train: bool) -> Size:
        """Side of the images in a batch, or height and width, px; of a schedule the last one."""
        if not train and self.eval_size is not None:
            return self.eval_size
        if self.size is None and self.size_schedule:
            return read_schedule(self.size_schedule)[-1].size
        return USUAL_SIZE_PX if self.size is None else self.size

    def shape(self, train: bool) -> tuple[int, int]:
        """Height and width of the images in a batch, px; of a schedule the last ones."""
        size = self.side(train)
        return (size, size) if isinstance(size, int) else size

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Every height and width that training's batches have, px, each once; the last is last."""
        found = [stage.shape for stage in read_schedule(self.size_schedule)]
        found = found or [self.shape(train=True)]
        return tuple(dict.fromkeys(reversed(found)))[::-1]

    @property
    def pixels_of(self) -> tuple[int, int] | None:
        """Height and width that an augmenter's lengths in pixels are meant for, px; None where
        training has one size, and they are what they are."""
        return self.shape(train=True) if self.size_schedule else None

    def at_epoch(self, epoch: int, epochs: int) -> CropConfig:
        """The same with the one size that training has in an epoch of a run of so many epochs."""
        if not self.size_schedule:
            return self
        return self._at(stage_of(read_schedule(self.size_schedule), epochs, epoch).size)

    def at_last(self) -> CropConfig:
        """The same with the one size that training ends with."""
        return self._at(self.side(train=True)) if self.size_schedule else self

    def _at(self, size: Size) -> CropConfig:
        last = min(self.shape(train=True))
        plain = replace(self, size=size, size_schedule=(), crop_padding=0)
        side = min(plain.shape(train=True))
        padding = (2 * self.crop_padding * side + last) // (2 * last)  # to the nearest, half up
        return replace(plain, crop_padding=min(padding, side - 1))

    def mode(self, train: bool) -> str:
        """Which way of cutting: a key of TRAINING."""
        if train:
            return self.crop_mode or self._geometry.training
        return self.eval_mode or self._geometry.evaluation

    def least_sharpness(self, train: bool) -> float:
        """`sharpness` of training, or of evaluation."""
        return self.sharpness if train else self.eval_sharpness

    def places(self, train: bool) -> bool:
        """Whether boxes need not fill the batch's image."""
        return self.mode(train) in PLACING

    @property
    def eval_share(self) -> float:
        """Side of the centre crop in evaluation, as a share of the largest that fits."""
        return self._geometry.eval_crop if self.eval_crop is None else self.eval_crop


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
