"""What the resident loader keeps of images: the stored sizes that crops are read from, in squares.

A shelf is a row of squares for one stored size: shelf 0 for the images themselves, shelf 1 for
their half sizes, and so on. An image stands on those that a crop of it may be read from, so that of
large photos of which small crops are wanted the small sizes are all that is ever decoded. Where
these do not fit in memory there is one shelf, of images that are shrunk until they do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.containers.beton import MODE_JPEG
from headrace.pipeline.crops import crop_of
from headrace.pipeline.crops.cuts import draws_nothing
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.jpeg_header import jpeg_size
from headrace.pipeline.levels import pick_levels
from headrace.pipeline.plan import PlanConfig
from headrace.pipeline.records import Records

SIDE_STEP_PX = 16
_DRAWN = "random-resized"
_DRAWN_AND_PLACED = "padded"


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Images in squares of one side, each in the top left corner of its own.

    Attributes:
        side: of the squares, px.
        indices: (m,) int64, the record in each square.
        levels: (m,) int64, which stored size of it is decoded.
        sizes: (m, 2) int64 height and width that it has there, px.
        scales: (m,) float64, by how much it is shrunk, 1 where it is as it is stored.
        refuted: (m,) bool, whose own header has other sides than the tables say, so that they are
            bad; they reserve a pixel.
    """

    side: int
    indices: np.ndarray
    levels: np.ndarray
    sizes: np.ndarray
    scales: np.ndarray
    refuted: np.ndarray

    @property
    def num_bytes(self) -> int:
        return len(self.indices) * 3 * self.side**2


def whole_shelves(records: Records, config: LoaderConfig, chosen: np.ndarray) -> list[Shelf]:
    """A shelf for each stored size, nothing shrunk.

    Args:
        chosen: (n,) int64, the records that take part.
    """
    needed = np.any([_needed(records, plan, chosen) for plan in _plans(config.plan)], axis=0)
    return [_whole(records, chosen[column], level) for level, column in enumerate(needed.T)]


def shrunk_shelf(records: Records, config: LoaderConfig, chosen: np.ndarray, budget: int) -> Shelf:
    """One shelf, in squares as large as `budget` bytes allow.

    Raises:
        ConfigError: if they would be smaller than the loader's images.
    """
    sizes, refuted = _believed(records, chosen, np.zeros_like(chosen))
    longest = int(sizes.max(initial=1))
    side = int((budget / max(len(chosen), 1) / 3) ** 0.5)
    if side < longest:
        side -= side % SIDE_STEP_PX
    largest = max(max(shape) for shape in config.plan.shapes)
    wanted = min(largest, longest)
    if side < wanted:
        needed = len(chosen) * 3 * wanted**2
        raise ConfigError(
            f"the resident loader needs {needed / 2**30:.2f} GiB for {len(chosen)} images at "
            f"{largest} px and may take {budget / 2**30:.2f} GiB of {config.device} "
            f"memory; {_more(config.decode.resident_memory)}take another --loader"
        )
    side = min(side, longest)
    scales = np.minimum(1.0, side / sizes.max(1))
    shrunk = np.maximum(1, np.rint(sizes * scales[:, None])).astype(np.int64)
    # Of large images what is left over is in a smaller size already.
    sharpness = config.plan.crop.least_sharpness(config.plan.train)
    sharpness = 1.0 if math.isfinite(sharpness) else math.inf
    whole = np.concatenate([np.zeros_like(sizes), sizes], 1)
    levels = pick_levels(whole, shrunk, sizes, records.levels[chosen], sharpness)
    return Shelf(
        side=side, indices=chosen, levels=levels, sizes=shrunk, scales=scales, refuted=refuted
    )


def _whole(records: Records, indices: np.ndarray, level: int) -> Shelf:
    levels = np.full(len(indices), level)
    sizes, refuted = _believed(records, indices, levels)
    return Shelf(
        side=int(sizes.max(initial=1)),
        indices=indices,
        levels=levels,
        sizes=sizes,
        scales=np.ones(len(indices)),
        refuted=refuted,
    )


def _believed(
    records: Records, indices: np.ndarray, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) int64 sizes of samples, and which of them, (n,) bool, their own headers refute.

    One made-up side in the tables would make all squares of a shelf as large: so the largest is
    looked at, and the next if that one is refuted, until one is true.
    """
    sizes = records.sizes(indices, levels)
    refuted = np.zeros(len(indices), bool)
    if records.kind == "folder":  # whose sizes are the headers'
        return sizes, refuted
    for place in np.argsort(-sizes.max(1, initial=1)).tolist():
        index, level = int(indices[place]), int(levels[place])
        if records.modes[index] != MODE_JPEG and level == 0:  # raw: as long as its sides say
            break
        if jpeg_size(records.view(index, level)) == tuple(sizes[place].tolist()):
            break
        sizes[place], refuted[place] = 1, True
    return sizes, refuted


def _plans(plan: PlanConfig) -> list[PlanConfig]:
    """Of each size in a run's schedule, or of the one there is."""
    epochs = range(plan.epochs if plan.crop.size_schedule else 1)
    return list(dict.fromkeys(plan.at(epoch) for epoch in epochs))


def _needed(records: Records, plan: PlanConfig, chosen: np.ndarray) -> np.ndarray:
    """(n, L + 1) bool: whether a crop of an image may be read from each of its stored sizes."""
    stored, sizes = records.levels[chosen], records.sizes(chosen)
    everything = np.concatenate([np.ones((len(chosen), 1), bool), stored], axis=1)
    sharpness = plan.crop.least_sharpness(plan.train)
    if not stored.any() or not math.isfinite(sharpness):
        return everything[:, :1]
    mode = plan.crop.mode(plan.train)
    if mode == _DRAWN_AND_PLACED:
        return everything
    numbers = np.arange(everything.shape[1])
    smallest, largest, targets = _range_of_boxes(mode, plan, sizes)
    lowest = pick_levels(smallest, targets, sizes, stored, sharpness)
    highest = pick_levels(largest, targets, sizes, stored, sharpness)
    return everything & (numbers >= lowest[:, None]) & (numbers <= highest[:, None])


def _range_of_boxes(
    mode: str, plan: PlanConfig, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | tuple[int, int]]:
    """Boxes, (n, 4) each, between which those of all epochs are, and what `pick_levels` takes as
    their targets."""
    crop, (heights, widths) = plan.crop, sizes.T
    if mode != _DRAWN:
        boxes, placed = crop_of(mode).cut(heights, widths, crop, plan.shape, draws_nothing)
        return boxes, boxes, plan.shape if placed is None else placed[:, 2:]
    (narrow, wide), area = crop.crop_ratio, heights * widths * crop.crop_scale[0]
    # The second is what an image gets for which no draw fits.
    low = np.minimum(np.sqrt(area / wide), np.minimum(heights, widths / wide)) - 1
    thin = np.minimum(np.sqrt(area * narrow), np.minimum(widths, heights * narrow)) - 1
    smallest = np.maximum(np.stack([low, thin], 1), 0)
    origin = np.zeros_like(sizes)
    return np.concatenate([origin, smallest], 1), np.concatenate([origin, sizes], 1), plan.shape


def _more(share: float) -> str:
    return f"allow more with --resident-memory (now {share:g}), or " if share < 1 else ""
