"""The epoch plan: what is loaded, decided before any decoding by pure functions.

Random numbers are the raw output of Philox4x64 (Salmon et al., "Parallel random numbers: as easy
as 1, 2, 3", SC 2011), keyed by (seed, epoch) with one counter stream per purpose. Nothing depends
on a global state, on the number of workers, on the world size or on NumPy's distributions, which
may change between releases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from headrace.pipeline.errors import ConfigError

Tail = Literal["keep", "drop", "pad"]
CROP_TRIES = 10
_ORDER, _FLIP, _CROP, _DRAW = 0, 1, 2, 100  # counter streams; crops take one a try


@dataclass(frozen=True, kw_only=True)
class PlanConfig:
    """What an epoch's plan depends on, besides the images' sizes and the epoch number.

    Attributes:
        batch_size: samples per global batch; each rank gets 1 / world_size of them.
        seed: any integer from 0 to 2**63 - 1.
        train: shuffled order, random resized crops and flips; else ascending order, the centre
            square and no flips.
        crop_scale: smallest and largest share of the image's area that a random crop covers.
        crop_ratio: smallest and largest width / height of a random crop.
        flip: probability of a horizontal flip.
        eval_crop: side of the evaluation crop as a share of the shorter side.
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
    crop_scale: tuple[float, float] = (0.08, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    eval_crop: float = 0.875
    repeats: int = 1
    tail: Tail = "keep"
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        _check(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        _check(0 <= self.seed < 2**63, "seed", self.seed, "from 0 to 2**63 - 1")
        low, high = self.crop_scale
        _check(0 < low <= high <= 1, "crop_scale", self.crop_scale, "0 < low <= high <= 1")
        low, high = self.crop_ratio
        _check(0 < low <= high, "crop_ratio", self.crop_ratio, "0 < low <= high")
        _check(0 <= self.flip <= 1, "flip", self.flip, "a probability from 0 to 1")
        _check(0 < self.eval_crop <= 1, "eval_crop", self.eval_crop, "above 0 and at most 1")
        _check(self.repeats >= 1, "repeats", self.repeats, "at least 1")
        _check(self.train or self.repeats == 1, "repeats", self.repeats, "1 in evaluation")
        _check(self.tail in ("keep", "drop", "pad"), "tail", self.tail, "keep, drop or pad")
        _check(self.world_size >= 1, "world_size", self.world_size, "at least 1")
        _check(0 <= self.rank < self.world_size, "rank", self.rank, "below world_size")
        _check(
            self.batch_size % self.world_size == 0,
            "batch_size",
            self.batch_size,
            f"a multiple of world_size ({self.world_size})",
        )


def _check(ok: bool, name: str, value: object, expected: str) -> None:
    if not ok:
        raise ConfigError(f"{name} is {value!r}, expected {expected}")


@dataclass(frozen=True, kw_only=True)
class EpochPlan:
    """One rank's share of one epoch, in loading order; arrays are read-only.

    Attributes:
        indices: (n,) int64 record indices.
        boxes: (n, 4) int32 y, x, height, width in stored pixels, inside the image.
        flips: (n,) bool, mirror left to right after the crop.
        bounds: (num_batches + 1,) int64, batch `step` is bounds[step] to bounds[step + 1].
    """

    indices: np.ndarray
    boxes: np.ndarray
    flips: np.ndarray
    bounds: np.ndarray

    def __post_init__(self) -> None:
        for array in (self.indices, self.boxes, self.flips, self.bounds):
            array.setflags(write=False)

    @property
    def num_batches(self) -> int:
        return len(self.bounds) - 1

    def batch_slice(self, step: int) -> slice:
        """The places in the plan's arrays that batch `step` takes."""
        return slice(int(self.bounds[step]), int(self.bounds[step + 1]))


def make_plan(
    heights: np.ndarray,
    widths: np.ndarray,
    chosen: np.ndarray | range,
    config: PlanConfig,
    epoch: int,
    weights: np.ndarray | None = None,
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
    """
    if epoch < 0:
        raise ConfigError(f"epoch is {epoch}, expected 0 or more")
    samples = np.asarray(chosen, np.int64)
    order = _order(len(samples), config, epoch)
    if weights is not None and config.train:
        samples = samples[_drawn(weights, config.seed, epoch)]
    if config.repeats > 1:
        samples = np.repeat(samples, config.repeats)
        order = (order[:, None] * config.repeats + np.arange(config.repeats)).reshape(-1)
    h = np.asarray(heights[samples], np.int64)
    w = np.asarray(widths[samples], np.int64)
    n = len(h)
    places, bounds = _shard(order, config)
    if config.train:
        boxes = _random_boxes(h, w, config, epoch)
        flips = _uniform(config.seed, epoch, _FLIP, n) < config.flip
    else:
        boxes = _centre_boxes(h, w, config.eval_crop)
        flips = np.zeros(n, bool)
    return EpochPlan(
        indices=samples[places], boxes=boxes[places], flips=flips[places], bounds=bounds
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


def _uniform(seed: int, epoch: int, stream: int, n: int) -> np.ndarray:
    """(n,) float64 in [0, 1), 53 random bits each."""
    return (_raw(seed, epoch, stream, n) >> np.uint64(11)) * 2.0**-53


def _order(n: int, config: PlanConfig, epoch: int) -> np.ndarray:
    if not config.train:
        return np.arange(n)
    return np.argsort(_raw(config.seed, epoch, _ORDER, n), kind="stable")


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


def _centre_boxes(h: np.ndarray, w: np.ndarray, share: float) -> np.ndarray:
    side = np.maximum(1, np.rint(np.minimum(h, w) * share)).astype(np.int64)
    return np.stack([(h - side) // 2, (w - side) // 2, side, side], 1).astype(np.int32)


def _random_boxes(h: np.ndarray, w: np.ndarray, config: PlanConfig, epoch: int) -> np.ndarray:
    """(n, 4) int32 boxes as torchvision's RandomResizedCrop draws them.

    Up to ten draws of area and aspect ratio; the first that fits counts. An image for which none
    does gets the largest centred crop within the ratio limits.
    """
    n = len(h)
    boxes = _fallback_boxes(h, w, config.crop_ratio)
    open_ = np.arange(n)
    low, high = np.log(config.crop_ratio)
    for attempt in range(CROP_TRIES):
        if not len(open_):
            break
        u = _uniform(config.seed, epoch, _CROP + attempt, 4 * len(open_)).reshape(-1, 4)
        ih, iw = h[open_], w[open_]
        scale = config.crop_scale[0] + u[:, 0] * (config.crop_scale[1] - config.crop_scale[0])
        ratio = np.exp(low + u[:, 1] * (high - low))
        area = ih * iw * scale
        bw = np.rint(np.sqrt(area * ratio)).astype(np.int64)
        bh = np.rint(np.sqrt(area / ratio)).astype(np.int64)
        fits = (bw > 0) & (bw <= iw) & (bh > 0) & (bh <= ih)
        y = (u[:, 2] * (ih - bh + 1)).astype(np.int64)
        x = (u[:, 3] * (iw - bw + 1)).astype(np.int64)
        boxes[open_[fits]] = np.stack([y, x, bh, bw], 1)[fits]
        open_ = open_[~fits]
    return boxes.astype(np.int32)


def _fallback_boxes(h: np.ndarray, w: np.ndarray, ratio: tuple[float, float]) -> np.ndarray:
    shape = w / h
    bw = np.where(shape > ratio[1], np.rint(h * ratio[1]).astype(np.int64), w)
    bh = np.where(shape < ratio[0], np.rint(w / ratio[0]).astype(np.int64), h)
    bw, bh = np.clip(bw, 1, w), np.clip(bh, 1, h)
    return np.stack([(h - bh) // 2, (w - bw) // 2, bh, bw], 1)
