"""Erasing: Cutout and random erasing, their recipe keys and how their boxes are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch

from headrace.augment.amounts import fill_of, interval, length_of, share_of_one, whole
from headrace.augment.buffers import Buffers, Job, colour, rows
from headrace.augment.draws import Tables, pick_index
from headrace.augment.operations.single import Constructor
from headrace.augment.protocol import Noise, Step
from headrace.augment.settings import Fill
from headrace.augment.torch_code.erase import EraseParams, erase


class EraseStep(Step):
    """What the steps of this family share; each adds how its boxes are drawn."""

    fill: Fill

    @property
    def needs_noise(self) -> bool:
        return self.fill.noise

    def mask(self, params: EraseParams, active: torch.Tensor) -> EraseParams:
        """Samples that are not active ((B,) bool) get empty boxes."""
        return EraseParams(torch.where(active[:, None, None], params.boxes, 0))

    def apply(self, images: torch.Tensor, params: EraseParams, noise: Noise) -> torch.Tensor:
        """(B, C, H, W) uint8 to the same."""
        return erase(images, params, self.fill, noise.pixels)

    def cpu_job(
        self, params: EraseParams, source: np.ndarray, buffers: Buffers, noise: torch.Tensor
    ) -> Job:
        """The same by the CPU's kernels."""
        from headrace.augment.kernels.erase import run_erase

        target, channels = buffers.images, buffers.channels
        boxes = params.boxes.contiguous().numpy()
        fill = colour(self.fill.colour, channels)
        noisy = self.fill.noise
        painted = rows(noise) if noisy else target[:1]

        def job(_thread: int, start: int, stop: int) -> None:
            if source is not target:
                target[start:stop] = source[start:stop]
            run_erase(target, start, stop, boxes, fill, painted, noisy, channels)

        return job


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
    fill: Fill = field(default_factory=Fill)

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
        length = pixels(self.length, size)
        before, after = length // 2, length - length // 2
        y = pick_index(uniform[:, 1 : 1 + self.holes], height)
        x = pick_index(uniform[:, 1 + self.holes :], width)
        boxes = torch.stack(
            [
                (y - before).clamp(min=0),
                (y + after).clamp(max=height),
                (x - before).clamp(min=0),
                (x + after).clamp(max=width),
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
    fill: Fill = field(default_factory=Fill)

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
        top = _start(uniform[:, 1:2], height - tall)
        left = _start(uniform[:, 2:3], width - wide)
        boxes = torch.stack([top, top + tall, left, left + wide], 2)
        return self.mask(EraseParams(boxes), (uniform[:, 0] < self.p) & fits.any(1))


def _start(uniform: torch.Tensor, room: torch.Tensor) -> torch.Tensor:
    """(B, 1) uniform numbers in [0, 1) to int64 in 0..room; where there is none, to no use."""
    return torch.minimum((uniform * (room + 1)).long().clamp(min=0), room)


def pixels(length: int | float, size: tuple[int, int]) -> int:
    """A length in pixels: whole numbers are pixels, others shares of the shorter side."""
    return length if isinstance(length, int) else round(length * min(size))


def _cutout(
    *,
    holes: int = 1,
    length: int | float = 0.5,
    p: float = 1.0,
    fill: Any = "mean",
    mean: tuple[int, ...],
) -> Cutout:
    return Cutout(
        holes=whole("holes", holes, 1, 64),
        length=length_of("length", length, 1),
        p=share_of_one("p", p),
        fill=fill_of(fill, mean),
    )


def _erasing(
    *,
    p: float = 0.5,
    scale: Sequence[float] = (0.02, 0.33),
    ratio: Sequence[float] = (0.3, 3.3),
    fill: Any = "mean",
    mean: tuple[int, ...],
) -> RandomErasing:
    return RandomErasing(
        p=share_of_one("p", p),
        scale=interval("scale", scale, None, 0.0, 1.0),
        ratio=interval("ratio", ratio, None, 0.01, 100.0),
        fill=fill_of(fill, mean),
    )


ERASE_STEPS: dict[str, Constructor] = {"cutout": _cutout, "erasing": _erasing}
