"""A part of what an evaluation takes: a box of a share of its sides, at a place of the image.

For the crops of test-time augmentation; no setting names it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headrace.pipeline.checking import check
from headrace.pipeline.crops import PLACING, letterbox, squash
from headrace.pipeline.crops.centre import largest_boxes
from headrace.pipeline.crops.cuts import Cuts, Uniform
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.flat_settings import to_flat


@dataclass(frozen=True, kw_only=True)
class PartConfig(CropConfig):
    """An evaluation's settings, and which part of the image is taken.

    Attributes:
        share: side of the box, as a share of the largest centre crop's, or of the image's where
            evaluation shows the whole of it.
        place: y, x of the box: 0 is at the top or left edge, 1 at the bottom or right one.
    """

    share: float = 1.0
    place: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(0 < self.share <= 1, "share", self.share, "above 0 and at most 1")
        inside = all(0 <= where <= 1 for where in self.place)
        check(inside, "place", self.place, "two numbers from 0 to 1")

    @property
    def whole(self) -> str:
        """The way of evaluating of which this is a part."""
        return super().mode(train=False)

    def mode(self, train: bool) -> str:
        return "part"

    def places(self, train: bool) -> bool:
        return self.whole in PLACING


def part_of(crop: CropConfig, share: float, place: tuple[float, float]) -> PartConfig:
    """A part of what `crop` takes in evaluation; see `PartConfig`."""
    return PartConfig(**to_flat(crop), share=share, place=place)


def cut(
    heights: np.ndarray,
    widths: np.ndarray,
    config: PartConfig,
    shape: tuple[int, int],
    uniform: Uniform,
) -> Cuts:
    """The same share of every image, at the same place.

    Args:
        heights, widths: (n,) int64 stored pixels.
        config: `share`, `place` and how evaluation cuts.
        shape: of the batch's images, px.
        uniform: not asked.
    """
    centre = config.whole == "centre"
    full = largest_boxes(heights, widths, shape) if centre else (heights, widths)
    h, w = (np.maximum(1, np.rint(side * config.share)).astype(np.int64) for side in full)
    y, x = (
        ((size - side) * where).astype(np.int64)
        for size, side, where in zip((heights, widths), (h, w), config.place, strict=True)
    )
    way = letterbox if config.whole == "letterbox" else squash
    boxes, targets = way.cut(h, w, config, shape, uniform)
    boxes[:, :2] += np.stack([y, x], 1).astype(np.int32)
    return Cuts(boxes, targets)
