"""What a loader's decoder has to do, and what it is told."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import torch

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.plan import EpochPlan, PlanConfig

MAX_SIZE_PX = 4096


class Decoded(NamedTuple):
    """One batch as a backend delivers it.

    Attributes:
        images: (B, 3, S, S) uint8 channels_last, on the CPU or already on the target device.
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
        size: side of the images in a batch, px.
        sampling: how often each sample comes in training, see pipeline/sampling.py.
        workers: decoding threads or processes; 0 decodes in the calling thread where the
            backend can.
        device: where batches end up.
        on_bad_sample: `raise` a BadSampleError, or `skip`: put the plan's next sample in its place.
        resident_memory: share of the device's free memory that the resident loader may take.
        plan: order, crops and sharding.
    """

    split: str | None = "train"
    size: int = 128
    sampling: str = "shuffle"
    workers: int = 2
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    on_bad_sample: Literal["raise", "skip"] = "raise"
    resident_memory: float = 0.5
    plan: PlanConfig = field(default_factory=PlanConfig)

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MAX_SIZE_PX:
            raise ConfigError(f"size is {self.size}, expected 1 to {MAX_SIZE_PX} px")
        if self.workers < 0:
            raise ConfigError(f"workers is {self.workers}, expected 0 or more")
        if self.on_bad_sample not in ("raise", "skip"):
            raise ConfigError(f"on_bad_sample is {self.on_bad_sample!r}, expected raise or skip")
        if not 0 < self.resident_memory <= 1:
            raise ConfigError(
                f"resident_memory is {self.resident_memory}, expected a share above 0 and at most 1"
            )

    @property
    def rank_batch_size(self) -> int:
        """Largest batch that this process gets."""
        return self.plan.batch_size // self.plan.world_size
