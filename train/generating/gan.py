"""The networks and losses of a class-conditional GAN.

After Huang et al., "The GAN is dead; long live the GAN!" (R3GAN), NeurIPS 2024: a relativistic
loss that compares each real image with a made one, zero-centred gradient penalties on both real
(R1) and made images (R2), residual networks without normalisation. The class is told to the
generator through its noise and to the discriminator by projection (Miyato and Koyama, "cGANs with
projection discriminator", ICLR 2018).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from headrace.train.generating.unet import fold_of

NOISE = 64
_SLOPE = 0.2


class MapBlock(nn.Module):
    """A residual block without normalisation, whose branch begins at nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.leaky_relu(self.first(x), _SLOPE)
        mixed: Tensor = x + self.second(functional.leaky_relu(inner, _SLOPE))
        return mixed


class GanGenerator(nn.Module):
    """Noise and classes to images; the smallest maps have a side of 4 px or a little more."""

    def __init__(self, classes: int, size: int, width: int) -> None:
        super().__init__()
        self._fold, halvings = fold_of(size), _halvings(size)
        widths = [width * 2 ** min(level, 2) for level in range(halvings + 1)][::-1]
        self._side = size // self._fold // 2**halvings
        self.label = nn.Embedding(classes, NOISE)
        self.first = nn.Linear(2 * NOISE, widths[0] * self._side**2)
        parts: list[nn.Module] = [MapBlock(widths[0]), MapBlock(widths[0])]
        for before, after in pairwise(widths):
            parts += [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(before, after, 1)]
            parts += [MapBlock(after), MapBlock(after)]
        self.body = nn.Sequential(*parts)
        self.last = nn.Conv2d(widths[-1], 3 * self._fold**2, 3, padding=1)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        """Images.

        Args:
            noise: (B, NOISE) floating.
            labels: (B,) int64.

        Returns:
            (B, 3, S, S), about -1..1.
        """
        told = torch.cat([noise, self.label(labels)], 1)
        x = self.first(told).reshape(len(noise), -1, self._side, self._side)
        return functional.pixel_shuffle(self.last(self.body(x)), self._fold)


class Discriminator(nn.Module):
    """Images and classes to how real they look."""

    def __init__(self, classes: int, size: int, width: int) -> None:
        super().__init__()
        self._fold, halvings = fold_of(size), _halvings(size)
        widths = [width * 2 ** min(level, 2) for level in range(halvings + 1)]
        self.first = nn.Conv2d(3 * self._fold**2, widths[0], 3, padding=1)
        parts: list[nn.Module] = [MapBlock(widths[0]), MapBlock(widths[0])]
        for before, after in pairwise(widths):
            parts += [nn.Conv2d(before, after, 1), nn.AvgPool2d(2)]
            parts += [MapBlock(after), MapBlock(after)]
        self.body = nn.Sequential(*parts)
        side = size // self._fold // 2**halvings
        self.features = nn.Linear(widths[-1] * side**2, NOISE)
        self.plain = nn.Linear(NOISE, 1)
        self.label = nn.Embedding(classes, NOISE)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """(B,) of (B, 3, S, S) images in -1..1 and (B,) int64 classes."""
        x = self.body(self.first(functional.pixel_unshuffle(images, self._fold)))
        seen = functional.leaky_relu(self.features(x.flatten(1)), _SLOPE)
        return self.plain(seen)[:, 0] + (seen * self.label(labels)).sum(1) / math.sqrt(NOISE)


def relativistic(better: Tensor, worse: Tensor) -> Tensor:
    """The mean loss of one side, which wants (B,) `better` above (B,) `worse`."""
    return functional.softplus(worse.float() - better.float()).mean()


def slope_penalty(said: Tensor, images: Tensor) -> Tensor:
    """Half the mean squared gradient of (B,) what was said to the (B, 3, S, S) images."""
    (slope,) = torch.autograd.grad(said.sum(), images, create_graph=True)
    return slope.float().square().sum((1, 2, 3)).mean() / 2


def _halvings(size: int) -> int:
    """How often the side of the folded image is halved, down to 4 px or a little more."""
    return int(math.log2(size // fold_of(size) / 4))
