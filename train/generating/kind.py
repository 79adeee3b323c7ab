"""What each kind of generator is to its training and to who draws from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from headrace.train.folder.parts import load_part


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a generator's networks are made of, and all that a file of one says of them.

    Attributes:
        kind, network: names.
        classes: how many.
        size: side of the images, px.
        width: channels of the widest maps.
    """

    kind: str
    network: str
    classes: int
    size: int
    width: int


class Generator(Protocol):
    """Draws images of classes.

    Attributes:
        network: whose weights a file holds.
        noise_shape: of one image's random numbers.
    """

    network: nn.Module
    noise_shape: tuple[int, ...]

    def draw(self, noise: Tensor, labels: Tensor, guidance: float, steps: int) -> Tensor:
        """Images of noise.

        Args:
            noise: (B, *noise_shape) float32, normal.
            labels: (B,) int64.
            guidance: of a flow; others pass it over.
            steps: of a flow; others pass it over.

        Returns:
            (B, 3, S, S) float32, about -1..1.
        """
        ...


class Training(ABC):
    """A generator that is being trained.

    Attributes:
        drawn: the generator whose weights are averages.
        parts: all that has a state, by name.
    """

    drawn: Generator
    parts: Mapping[str, Any]

    @abstractmethod
    def step(self, images: Tensor, labels: Tensor, rate: float) -> dict[str, Tensor]:
        """Moves the weights once, with torch's random numbers.

        Args:
            images: (B, 3, S, S) float32 in -1..1.
            labels: (B,) int64.
            rate: learning rate.

        Returns:
            Losses by name, without a graph, on the device.
        """

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed training needs, weights included."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from there.

        Raises:
            Exception: whatever a part says of what is not its state.
        """
        for name, part in self.parts.items():
            load_part(part, state[name])


def as_input(images: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 pixels as float32 in -1..1, channels last."""
    return (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def as_pixels(images: Tensor) -> Tensor:
    """(B, 3, H, W) floating in -1..1 as uint8 pixels; what lies beyond is cut off."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
