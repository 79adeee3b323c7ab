"""What a loader's decoder has to do, and what it is told."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch

from headrace.pipeline.checking import check
from headrace.pipeline.cores import available_cores
from headrace.pipeline.device import resolve_device
from headrace.pipeline.limits import check_limits
from headrace.pipeline.loaders.settings import DecodeConfig
from headrace.pipeline.plan import EpochPlan, PlanConfig


class Decoded(NamedTuple):
    """One batch as a backend delivers it.

    Attributes:
        images: (B, 3, H, W) uint8 channels_last, on the CPU or already on the target device.
        bad: (slot in the batch, reason) of each sample that could not be decoded.
    """

    images: torch.Tensor
    bad: list[tuple[int, str]]


class Backend(Protocol):
    """Carries out a plan with one decoder."""

    def stream(self, plan: EpochPlan, start: int) -> Generator[Decoded, None, None]:
        """Yields batches `start` to the last; closing it early must leave nothing behind."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class LoaderConfig:
    """Everything a loader needs besides the records.

    Attributes:
        split: name of the split or an expression (pipeline/selection.py), None for every sample.
        sampling: how often each sample comes in training, see pipeline/sampling.py.
        at_most: take only so many samples of the split, spread over its classes (0: all).
        device: where batches end up; a name (`cpu`, `cuda:1`, `auto`) becomes the device.
        plan: order, crops and sharding.
        decode: which loader, with how many workers.

    Raises:
        ConfigError: for a value that cannot work, or a device that is not there.
    """

    split: str | None = "train"
    sampling: str = "shuffle"
    at_most: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    plan: PlanConfig = field(default_factory=PlanConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)

    def __post_init__(self) -> None:
        check_limits(self)
        check(self.at_most >= 0, "at_most", self.at_most, "0 or more")
        object.__setattr__(self, "device", resolve_device(self.device))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the images in a batch, px; of a schedule the last ones."""
        return self.plan.shape

    @property
    def largest_shape(self) -> tuple[int, int]:
        """Height and width of the largest images that a batch may have, px."""
        return max(self.plan.shapes, key=math.prod)

    @property
    def rank_batch_size(self) -> int:
        """Largest batch that this process gets."""
        return self.plan.batch_size // self.plan.world_size

    @property
    def num_workers(self) -> int:
        """The workers; what `auto` takes is decided before a backend is opened."""
        workers = self.decode.workers
        assert workers != "auto"
        return available_cores() if workers is None else workers
