"""The epoch plan: what is loaded, decided before any decoding by pure functions.

Random numbers are the raw output of Philox4x64 (Salmon et al., "Parallel random numbers: as easy
as 1, 2, 3", SC 2011), keyed by (seed, epoch) with one counter stream per purpose. Nothing depends
on a global state, on the number of workers, on the world size or on NumPy's distributions, which
may change between releases.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Literal

import numpy as np

from headrace.pipeline.checking import check
from headrace.pipeline.crops import crop_of
from headrace.pipeline.crops.cuts import Cuts
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.crops.size_schedule import check_epochs
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.levels import boxes_at, pick_levels
from headrace.pipeline.limits import check_limits
from headrace.pipeline.mix import Mix

Tail = Literal["keep", "drop", "pad"]
# Counter streams: crops take one a draw, shares one a file.
_ORDER, _FLIP, _CROP, _DRAW, _SHARE = 0, 1, 2, 100, 200


@dataclass(frozen=True, kw_only=True)
class PlanConfig:
    """What an epoch's plan depends on, besides the images' sizes and the epoch number.

    Attributes:
        batch_size: samples per global batch; each rank gets 1 / world_size of them.
        seed: any integer from 0 to 2**63 - 1.
        train: shuffled order, the training crop and flips; else ascending order, the evaluation
            crop and no flips.
        crop: how samples are cut, and to what size.
        epochs: of the whole run, for the shares of `crop.size_schedule`; without one it says
            nothing.
        repeats: how many times in a row each sample comes, each time with a crop and a flip of its
            own (repeated augmentation: Hoffer et al., "Augment your batch", CVPR 2020); ranks share
            the copies.
        tail: what happens to the last, incomplete global batch: `keep` it (ranks may then differ
            by one sample, and by one batch), `drop` it, or `pad` it from the start of the order.
        rank, world_size: this process among all.
    """

    batch_size: int = 256
    seed: int = 0
    train: bool = True
    crop: CropConfig = field(default_factory=CropConfig)
    epochs: int = 0
    repeats: int = 1
    tail: Tail = "keep"
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        check(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        check(0 <= self.seed < 2**63, "seed", self.seed, "from 0 to 2**63 - 1")
        check(self.epochs >= 0, "epochs", self.epochs, "0 or more")
        if self.train:
            check_epochs(self.crop.size_schedule, self.epochs)
        check(self.repeats >= 1, "repeats", self.repeats, "at least 1")
        check(self.train or self.repeats == 1, "repeats", self.repeats, "1 in evaluation")
        check(self.tail in ("keep", "drop", "pad"), "tail", self.tail, "keep, drop or pad")
        check(self.world_size >= 1, "world_size", self.world_size, "at least 1")
        check(0 <= self.rank < self.world_size, "rank", self.rank, "below world_size")
        check(
            self.batch_size % self.world_size == 0,
            "batch_size",
            self.batch_size,
            f"a multiple of world_size ({self.world_size})",
        )
        check_limits(self)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the images in a batch, px; of a schedule the last ones."""
        return self.crop.shape(self.train)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Every height and width that a batch may have, px, each once."""
        return self.crop.shapes if self.train else (self.shape,)

    def at(self, epoch: int) -> PlanConfig:
        """The settings of one epoch, whose size depends on nothing any more."""
        if not self.train or not self.crop.size_schedule:
            return self
        return replace(self, crop=self.crop.at_epoch(epoch, self.epochs), epochs=0)


@dataclass(frozen=True, kw_only=True)
class EpochPlan:
    """One rank's share of one epoch, in loading order; arrays are read-only.

    Attributes:
        indices: (n,) int64 record indices.
        boxes: (n, 4) int32 y, x, height, width in stored pixels, inside the image.
        flips: (n,) bool, mirror the box left to right.
        bounds: (num_batches + 1,) int64, batch `step` is bounds[step] to bounds[step + 1].
        shape: height and width of the images in its batches, px.
        targets: (n, 4) int32 y, x, height, width in the batch's image, where each box goes; the
            rest is black. That of a mirrored box is mirrored itself, as the whole image is. None:
            every box fills its image.
        levels: (n,) uint8, which stored size of its record a box is read from, see
            pipeline/levels.py. None: every one is read from the image itself.
        level_boxes: (n, 4) int32, the boxes in pixels of those sizes; None as `levels` is.
    """

    indices: np.ndarray
    boxes: np.ndarray
    flips: np.ndarray
    bounds: np.ndarray
    shape: tuple[int, int]
    targets: np.ndarray | None = None
    levels: np.ndarray | None = None
    level_boxes: np.ndarray | None = None

    def __post_init__(self) -> None:
        for field_ in fields(self):
            array = getattr(self, field_.name)
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    @property
    def num_batches(self) -> int:
        return len(self.bounds) - 1

    def batch_slice(self, step: int) -> slice:
        """The places in the plan's arrays that batch `step` takes."""
        return slice(int(self.bounds[step]), int(self.bounds[step + 1]))

    def targets_of(self, places: slice) -> np.ndarray | None:
        """(b, 4) int32: `targets` of some places, None where every box fills its image."""
        return None if self.targets is None else self.targets[places]

    def target(self, place: int) -> np.ndarray | None:
        """(4,) int32: `targets` of one place."""
        return None if self.targets is None else self.targets[place]

    def read_levels(self, places: slice) -> np.ndarray:
        """(b,) uint8: the stored sizes that some places are read from, 0 of the images."""
        count = len(self.indices[places])
        return np.zeros(count, np.uint8) if self.levels is None else self.levels[places]

    def read_boxes(self, places: slice) -> np.ndarray:
        """(b, 4) int32: the boxes of some places in pixels of what they are read from."""
        return (self.boxes if self.level_boxes is None else self.level_boxes)[places]


def make_plan(
    heights: np.ndarray,
    widths: np.ndarray,
    chosen: np.ndarray | range,
    config: PlanConfig,
    epoch: int,
    weights: np.ndarray | None = None,
    stored: np.ndarray | None = None,
    mix: Mix | None = None,
) -> EpochPlan:
    """Makes one rank's plan of one epoch.

    Args:
        heights, widths: (N,) stored pixels of every record.
        chosen: (n,) int64 record indices that take part, in any order; what is drawn for a sample
            depends on its place among them, not on its index.
        config: everything else.
        epoch: from 0.
        weights: (n,) float64 from 0, of `chosen`: as many samples are drawn with replacement, each
            as likely as its weight, and each time with a crop and a flip of its own. None: every
            one comes once. Only in training.
        stored: (N, L) bool, which levels every record has; None: boxes are read from the images.
        mix: which of `chosen` come once, and how many are drawn of others; in the place of weights,
            and only in training.
    """
    if epoch < 0:
        raise ConfigError(f"epoch is {epoch}, expected 0 or more")
    config = config.at(epoch)
    samples = np.asarray(chosen, np.int64)
    if mix is not None and config.train:
        samples = samples[mix.places(partial(_raw_of_share, config.seed, epoch))]
    order = _order(len(samples), config, epoch)
    if weights is not None and config.train:
        samples = samples[_drawn(weights, config.seed, epoch)]
    if config.repeats > 1:
        samples = np.repeat(samples, config.repeats)
        order = (order[:, None] * config.repeats + np.arange(config.repeats)).reshape(-1)
    h = np.asarray(heights[samples], np.int64)
    w = np.asarray(widths[samples], np.int64)
    places, bounds = _shard(order, config)
    cuts = _cuts(h, w, config, epoch)
    flips = _flips(samples, config, epoch)
    levels, level_boxes = _levels(cuts, np.stack([h, w], 1), samples, stored, config)
    targets = cuts.targets
    if targets is not None:
        mirrored = config.shape[1] - targets[:, 1] - targets[:, 3]
        targets[:, 1] = np.where(flips, mirrored, targets[:, 1])
    return EpochPlan(
        indices=samples[places],
        boxes=cuts.boxes[places],
        flips=flips[places],
        bounds=bounds,
        shape=config.shape,
        targets=None if targets is None else targets[places],
        levels=None if levels is None else levels[places],
        level_boxes=None if level_boxes is None else level_boxes[places],
    )


def num_batches(num_samples: int, config: PlanConfig) -> int:
    """Batches that `config.rank` gets from an epoch of `num_samples`, before they are repeated."""
    full, rest = divmod(num_samples * config.repeats, config.batch_size)
    if rest == 0 or config.tail == "drop":
        return full
    return full + 1 if config.tail == "pad" else full + (rest > config.rank)


def _raw(seed: int, epoch: int, stream: int, n: int) -> np.ndarray:
    counter = np.array([0, 0, 0, stream], np.uint64)
    key = np.array([seed, epoch], np.uint64)
    return np.random.Philox(counter=counter, key=key).random_raw(n)


def _raw_of_share(seed: int, epoch: int, number: int, n: int) -> np.ndarray:
    """(n,) uint64 for the draw of a file with a share, by its number among those."""
    return _raw(seed, epoch, _SHARE + number, n)


def _uniform(seed: int, epoch: int, stream: int, n: int) -> np.ndarray:
    """(n,) float64 in [0, 1), 53 random bits each."""
    return (_raw(seed, epoch, stream, n) >> np.uint64(11)) * 2.0**-53


def _order(n: int, config: PlanConfig, epoch: int) -> np.ndarray:
    if not config.train:
        return np.arange(n)
    return np.argsort(_raw(config.seed, epoch, _ORDER, n), kind="stable")


def _flips(samples: np.ndarray, config: PlanConfig, epoch: int) -> np.ndarray:
    """(n,) bool, which samples are mirrored."""
    n, crop = len(samples), config.crop
    if not config.train or not n:
        return np.zeros(n, bool)
    if not crop.flip_alternates:
        return _uniform(config.seed, epoch, _FLIP, n) < crop.flip
    # By record, so that it does not matter what else an epoch draws; copies take turns too.
    drawn = _uniform(config.seed, 0, _FLIP, int(samples.max()) + 1)[samples] < crop.flip
    turns = epoch * config.repeats + np.arange(n) % config.repeats
    return drawn ^ (turns % 2 == 1)


def _drawn(weights: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """(n,) int64 places drawn with replacement, by the inverse of the cumulated weights."""
    upto = np.cumsum(np.asarray(weights, np.float64))
    u = _uniform(seed, epoch, _DRAW, len(upto)) * upto[-1]
    return np.minimum(np.searchsorted(upto, u, side="right"), np.flatnonzero(weights)[-1])


def _shard(order: np.ndarray, config: PlanConfig) -> tuple[np.ndarray, np.ndarray]:
    """One rank's places and batch bounds; place p of a global batch goes to rank p % world."""
    n, batch, world = len(order), config.batch_size, config.world_size
    if config.tail == "drop":
        order = order[: n - n % batch]
    elif config.tail == "pad" and n:
        order = np.resize(order, -(-n // batch) * batch)
    mine = order[config.rank :: world]  # batch is a multiple of world, so blocks stay aligned
    steps = num_batches(n // config.repeats, config)
    bounds = np.minimum(np.arange(steps + 1) * (batch // world), len(mine))
    return mine, bounds


def _levels(
    cuts: Cuts,
    sizes: np.ndarray,
    samples: np.ndarray,
    stored: np.ndarray | None,
    config: PlanConfig,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The level that each box is read from and the box there, or None where all are images."""
    if stored is None or not stored.shape[1]:
        return None, None
    targets = config.shape if cuts.targets is None else cuts.targets[:, 2:]
    sharpness = config.crop.least_sharpness(config.train)
    levels = pick_levels(cuts.boxes, targets, sizes, stored[samples], sharpness)
    return (levels, boxes_at(cuts.boxes, sizes, levels)) if levels.any() else (None, None)


def _cuts(h: np.ndarray, w: np.ndarray, config: PlanConfig, epoch: int) -> Cuts:
    def uniform(draw: int, count: int) -> np.ndarray:
        return _uniform(config.seed, epoch, _CROP + draw, count)

    cuts: Cuts = crop_of(config.crop.mode(config.train)).cut(
        h, w, config.crop, config.shape, uniform
    )
    return cuts
