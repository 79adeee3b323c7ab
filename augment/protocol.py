"""The protocol of steps: what the augmenter asks of whatever a recipe names.

A step splits into ``sample`` (random numbers to parameters, no pixels) and what carries the
parameters out, for a whole batch in torch (``apply``) or in ranges of samples by the CPU's kernels
(``cpu_job``). The augmenter calls these and never asks which step it has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import torch

from headrace.augment.buffers import Buffers, Job
from headrace.augment.draws import Tables


class Noise(NamedTuple):
    """All random numbers that one batch uses; everything else is a pure function of them.

    Attributes:
        uniform: (B, K) float32 in [0, 1).
        gamma: (B, G) float32, each column a Gamma with a shape of its own.
        pixels: (B, C, H, W) uint8 for fills with noise, or an empty tensor.
        host: the CPU generator of steps that draw on the host; None where a recipe has none.
    """

    uniform: torch.Tensor
    gamma: torch.Tensor
    pixels: torch.Tensor
    host: torch.Generator | None = None


class Sampled(ABC):
    """What steps and the mix share: how many random numbers they need, and what they draw."""

    comes_last = False  # whether nothing may follow it in a recipe

    @property
    @abstractmethod
    def columns(self) -> int:
        """How many uniform numbers each sample needs."""

    @property
    def gammas(self) -> tuple[float, ...]:
        """The shapes of the Gamma numbers that each sample needs."""
        return ()

    def tables(self, height: int, width: int) -> Tables:
        """Constants for an image size, float32 on the CPU; they move to the device once."""
        return torch.zeros(0)

    @abstractmethod
    def sample(
        self, uniform: torch.Tensor, gamma: torch.Tensor, tables: Tables, size: tuple[int, int]
    ) -> Any:
        """(B, columns) uniform and (B, len(gammas)) Gamma numbers to parameters (pure)."""


class Step(Sampled):
    """A change of pixels, bytes to bytes."""

    draws_on_host = False  # takes the whole batch at once, and is not compiled

    @property
    def needs_noise(self) -> bool:
        """Whether ``apply`` reads the noise image."""
        return False

    @abstractmethod
    def mask(self, params: Any, active: torch.Tensor) -> Any:
        """Parameters under which samples that are not active ((B,) bool) stay as they are."""

    @abstractmethod
    def apply(self, images: torch.Tensor, params: Any, noise: Noise) -> torch.Tensor:
        """(B, C, H, W) uint8 to the same, on any device, without a sync (pure)."""

    def cpu_job(
        self, params: Any, source: np.ndarray, buffers: Buffers, noise: torch.Tensor
    ) -> Job:
        """The same by the CPU's kernels; steps that draw on the host have none.

        Args:
            params: what was drawn.
            source: (B, H, W·C) uint8, left as it is unless it is ``buffers.images``.
            buffers: of this batch shape; the job leaves its result in ``buffers.images``.
            noise: (B, C, H, W) uint8 for fills with noise, or an empty tensor.
        """
        raise NotImplementedError(f"{type(self).__name__} has no CPU kernel")

    def mirrored_rows(self, params: Any) -> np.ndarray | None:
        """(B,) bool where all that the step can do is to mirror rows, else None."""
        return None

    def joined(self, following: Step) -> Step | None:
        """One step that does this one's work and then the following one's; None: there is none."""
        return None
