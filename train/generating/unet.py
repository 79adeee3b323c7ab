"""The network of a flow: a small U-Net that is told the time and the class.

After Ho et al., "Denoising diffusion probabilistic models", NeurIPS 2020, whose residual blocks are
scaled and shifted by time and class as in Dhariwal and Nichol, "Diffusion models beat GANs on image
synthesis", NeurIPS 2021. Squares of pixels become channels first (pixel unshuffle), so that the
widest maps are a half or a quarter of the image's side: on a CPU that is where the time goes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from headrace.pipeline.checking import check

_GROUPS = 8
_MULTIPLES = (1, 2, 3)
_HEADS = 2


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """How large the network is.

    Attributes:
        classes: how many; one more stands for none, which guidance needs.
        size: side of the images in px.
        width: channels of the widest maps, a multiple of 8.
    """

    classes: int
    size: int
    width: int = 48

    def __post_init__(self) -> None:
        check_network(self.size, self.width)

    @property
    def fold(self) -> int:
        """Side of the square of pixels that becomes channels."""
        return fold_of(self.size)


def fold_of(size: int) -> int:
    """Side of the square of pixels that becomes channels, of images of a side in px."""
    return 2 if size <= 64 else 4


def check_network(size: int, width: int) -> None:
    """Refuses sizes that cannot be halved as often as needed, and widths that make no groups.

    Raises:
        ConfigError: naming the setting.
    """
    step = fold_of(size) * 2 ** (len(_MULTIPLES) - 1)
    expected = f"a multiple of {step} px, from 16 to 128"
    check(16 <= size <= 128 and size % step == 0, "size", size, expected)
    expected = f"a multiple of {_GROUPS}, at most 512"
    check(_GROUPS <= width <= 512 and width % _GROUPS == 0, "width", width, expected)


class UNet(nn.Module):
    """Images, times and classes to velocities of the same shape."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * multiple for multiple in _MULTIPLES]
        told = 4 * config.width
        self.time = nn.Sequential(nn.Linear(config.width, told), nn.SiLU(), nn.Linear(told, told))
        self.label = nn.Embedding(config.classes + 1, told)
        self.first = nn.Conv2d(3 * config.fold**2, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before = widths[0]
        for width in widths:
            self.down.append(Block(before, width, told))
            before = width
        self.middle = nn.ModuleList(
            [Block(before, before, told), Attention(before), Block(before, before, told)]
        )
        for width in reversed(widths):
            self.up.append(Block(before + width, width, told))
            before = width
        self.last = nn.Sequential(
            nn.GroupNorm(_GROUPS, before),
            nn.SiLU(),
            _zero(nn.Conv2d(before, 3 * config.fold**2, 3, padding=1)),
        )

    def forward(self, images: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        """One velocity for each pixel.

        Args:
            images: (B, 3, S, S) floating, noise at time 0 and an image in -1..1 at time 1.
            times: (B,) floating, 0 to 1.
            labels: (B,) int64 classes; the number of classes stands for none.
        """
        told = functional.silu(
            self.time(time_features(times, self.config.width)) + self.label(labels)
        )
        x = self.first(functional.pixel_unshuffle(images, self.config.fold))
        kept = []
        for number, block in enumerate(self.down):
            x = functional.avg_pool2d(x, 2) if number else x
            x = block(x, told)
            kept.append(x)
        for part in self.middle:
            x = part(x, told)
        for block in self.up:
            skipped = kept.pop()
            if x.shape[-1] != skipped.shape[-1]:
                x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skipped], 1), told)
        return functional.pixel_shuffle(self.last(x), self.config.fold)


class Block(nn.Module):
    """A residual block of two convolutions, of which the second sees what is told."""

    def __init__(self, before: int, after: int, told: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, before)
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.tell = nn.Linear(told, 2 * after)
        self.plain = nn.GroupNorm(_GROUPS, after, affine=False)
        self.second = _zero(nn.Conv2d(after, after, 3, padding=1))
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        inner = self.first(functional.silu(self.norm(x)))
        scale, shift = self.tell(told)[:, :, None, None].chunk(2, 1)
        inner = functional.silu(self.plain(inner) * (1 + scale) + shift)
        mixed: Tensor = self.second(inner) + self.skip(x)
        return mixed


class Attention(nn.Module):
    """Every place looks at every other, in the smallest maps."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, channels)
        self.asked = nn.Conv2d(channels, 3 * channels, 1)
        self.answer = _zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        heads = self.asked(self.norm(x)).reshape(batch, 3, _HEADS, -1, height * width)
        query, key, value = heads.transpose(-1, -2).unbind(1)
        seen = functional.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = x + self.answer(seen.transpose(-1, -2).reshape(x.shape))
        return mixed


def time_features(times: Tensor, count: int) -> Tensor:
    """(B, count) float32 cosines and sines of (B,) times from 0 to 1."""
    rates = torch.exp(torch.linspace(0, math.log(1000), count // 2, device=times.device))
    angles = times.float()[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], 1)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    """A layer that says nothing at first."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
