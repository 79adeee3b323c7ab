"""The erase stage: Cutout and random erasing, boxes drawn per sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch

from headrace.augment.draws import Tables, pick_index
from headrace.augment.torch_code.geometry import fill_image


class EraseParams(NamedTuple):
    """Attributes: boxes (B, N, 4) int64 top, bottom, left, right, the ends excluded."""

    boxes: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Fill:
    """What an erased pixel becomes: a colour, one byte for each channel, or noise.

    Attributes:
        colour: bytes, one for all channels or one for each.
        noise: uniform random bytes instead of the colour.
    """

    colour: tuple[int, ...] = (0,)
    noise: bool = False


def erase(
    images: torch.Tensor, params: EraseParams, fill: Fill, noise: torch.Tensor | None = None
) -> torch.Tensor:
    """Paints boxes.

    Args:
        images: (B, C, H, W) uint8.
        params: boxes; an empty one erases nothing.
        fill: what to paint.
        noise: (B, C, H, W) uint8, for a fill with noise.

    Returns:
        (B, C, H, W) uint8.
    """
    height, width = images.shape[2:]
    row = torch.arange(height, device=images.device)
    column = torch.arange(width, device=images.device)
    top, bottom, left, right = params.boxes[..., None].unbind(2)
    rows = (row >= top) & (row < bottom)
    columns = (column >= left) & (column < right)
    hit = (rows[:, :, :, None] & columns[:, :, None, :]).any(1)[:, None]
    if fill.noise:
        if noise is None:
            raise ValueError("a fill with noise needs the noise image")
        return torch.where(hit, noise, images)
    return torch.where(hit, fill_image(images, fill.colour), images)


class EraseStep:
    """What the steps of this stage share; each adds how its boxes are drawn."""

    fill: Fill

    @property
    def gammas(self) -> tuple[float, ...]:
        return ()

    def tables(self, height: int, width: int) -> Tables:
        return torch.zeros(0)

    def mask(self, params: EraseParams, active: torch.Tensor) -> EraseParams:
        """Samples that are not active ((B,) bool) get empty boxes."""
        return EraseParams(torch.where(active[:, None, None], params.boxes, 0))

    def apply(
        self, images: torch.Tensor, params: EraseParams, noise: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(B, C, H, W) uint8 to the same."""
        return erase(images, params, self.fill, noise)


@dataclass(frozen=True, kw_only=True)
class Cutout(EraseStep):
    """Square holes about uniformly drawn centres, cut off at the border.

    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout"
    (2017).

    Attributes:
        holes: how many per image.
        length: side in pixels (int) or as a share of the shorter side (float).
        p: probability per sample.
        fill: what to paint.
    """

    holes: int = 1
    length: int | float = 0.5
    p: float = 1.0
    fill: Fill = Fill()

    @property
    def columns(self) -> int:
        return 1 + 2 * self.holes

    def sample(
        self,
        uniform: torch.Tensor,
        gamma: torch.Tensor,
        tables: Tables,
        size: tuple[int, int],
    ) -> EraseParams:
        """(B, columns) uniform numbers to boxes."""
        height, width = size
        half = pixels(self.length, size) // 2
        y = pick_index(uniform[:, 1 : 1 + self.holes], height)
        x = pick_index(uniform[:, 1 + self.holes :], width)
        boxes = torch.stack(
            [
                (y - half).clamp(min=0),
                (y + half).clamp(max=height),
                (x - half).clamp(min=0),
                (x + half).clamp(max=width),
            ],
            2,
        )
        return self.mask(EraseParams(boxes), uniform[:, 0] < self.p)


@dataclass(frozen=True, kw_only=True)
class RandomErasing(EraseStep):
    """One rectangle of random area and aspect ratio, wholly inside the image.

    Zhong et al., "Random Erasing Data Augmentation" (AAAI 2020), drawn as torchvision's
    RandomErasing: up to ten tries, the first that fits.

    Attributes:
        p: probability per sample.
        scale: range of the area as a share of the image.
        ratio: range of height to width, uniform in its logarithm.
        fill: what to paint.
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    fill: Fill = Fill()

    tries: ClassVar[int] = 10

    @property
    def columns(self) -> int:
        return 3 + 2 * self.tries

    def sample(
        self,
        uniform: torch.Tensor,
        gamma: torch.Tensor,
        tables: Tables,
        size: tuple[int, int],
    ) -> EraseParams:
        """(B, columns) uniform numbers to one box, empty where no try fits."""
        height, width = size
        first, second = uniform[:, 3 : 3 + self.tries], uniform[:, 3 + self.tries :]
        area = (first * (self.scale[1] - self.scale[0]) + self.scale[0]) * (height * width)
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        ratio = torch.exp(second * (high - low) + low)
        tall, wide = (area * ratio).sqrt().round().long(), (area / ratio).sqrt().round().long()
        fits = (tall < height) & (wide < width)
        # argmax of the first fit; where none fits it is 0, and the box is emptied below.
        chosen = fits.to(torch.int8).argmax(1, keepdim=True)
        tall, wide = tall.gather(1, chosen), wide.gather(1, chosen)
        top = (uniform[:, 1:2] * (height - tall + 1)).long().clamp(min=0)
        top = torch.minimum(top, height - tall)
        left = (uniform[:, 2:3] * (width - wide + 1)).long().clamp(min=0)
        left = torch.minimum(left, width - wide)
        boxes = torch.stack([top, top + tall, left, left + wide], 2)
        return self.mask(EraseParams(boxes), (uniform[:, 0] < self.p) & fits.any(1))


def pixels(length: int | float, size: tuple[int, int]) -> int:
    """A length in pixels: whole numbers are pixels, others shares of the shorter side."""
    return length if isinstance(length, int) else round(length * min(size))
