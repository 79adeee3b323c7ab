"""The colour operations and colour jitter: their recipe keys and ranges, and what they draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from headrace.augment.amounts import Range, interval, share_of_one
from headrace.augment.buffers import Buffers, Job
from headrace.augment.draws import Drawn, Tables
from headrace.augment.operations.single import FACTOR, Amount, Constructor, Single
from headrace.augment.ops import VECTOR_SIZE, Draws, Op
from headrace.augment.protocol import Noise, Step
from headrace.augment.torch_code.colour import jitter


@dataclass(frozen=True, kw_only=True)
class ChannelMixDraw:
    """Each output channel: (1 - strength) of itself and strength of a random mean of all three."""

    strength: float
    p: float

    @property
    def slots(self) -> tuple[frozenset[Op], ...]:
        return (frozenset((Op.CHANNEL_MIX, Op.IDENTITY)),)

    @property
    def columns(self) -> int:
        return 1 + VECTOR_SIZE

    def tables(self, height: int, width: int) -> torch.Tensor:
        return torch.eye(3, dtype=torch.float32) * (1.0 - self.strength)

    def draw(self, uniform: torch.Tensor, tables: Tables, size: tuple[int, int]) -> Draws:
        assert isinstance(tables, torch.Tensor)
        raw = uniform[:, 1:].view(-1, 3, 3) + 1e-6
        matrix = raw / raw.sum(2, keepdim=True) * self.strength + tables
        op = torch.where(uniform[:, :1] < self.p, int(Op.CHANNEL_MIX), 0)
        return Draws(op, torch.zeros_like(uniform[:, :1]), matrix.view(-1, 1, VECTOR_SIZE))


def _channel_mix(*, strength: float = 0.5, p: float = 1.0, mean: tuple[int, ...]) -> Drawn:
    source = ChannelMixDraw(strength=share_of_one("strength", strength), p=share_of_one("p", p))
    return Drawn(source)


class JitterParams(NamedTuple):
    """Attributes: order (B, 4) int64 places; amounts (B, 4) float32 offsets and turns."""

    order: torch.Tensor
    amounts: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Jitter(Step):
    """Colour jitter: brightness, contrast, saturation, hue in an order drawn per sample.

    Ranges are (low, high) of the factor minus 1, and of the turn for hue. The adjustments and
    their random order are those of torchvision's ColorJitter.
    """

    brightness: tuple[float, float] = (0.0, 0.0)
    contrast: tuple[float, float] = (0.0, 0.0)
    saturation: tuple[float, float] = (0.0, 0.0)
    hue: tuple[float, float] = (0.0, 0.0)
    p: float = 1.0

    @property
    def columns(self) -> int:
        return 9

    def tables(self, height: int, width: int) -> Tables:
        ranges = [self.brightness, self.contrast, self.saturation, self.hue]
        return torch.tensor(ranges, dtype=torch.float32).T

    def sample(
        self,
        uniform: torch.Tensor,
        gamma: torch.Tensor,
        tables: Tables,
        size: tuple[int, int],
    ) -> JitterParams:
        """(B, 9) uniform numbers to an order and four amounts."""
        assert isinstance(tables, torch.Tensor)
        low, high = tables.unbind(0)
        amounts = uniform[:, :4] * (high - low) + low
        # Ranks of four independent numbers: every order equally likely.
        keys = uniform[:, 4:8]
        order = (keys[:, :, None] > keys[:, None, :]).sum(2)
        tie = (keys[:, :, None] == keys[:, None, :]).tril(-1).sum(2)
        return self.mask(JitterParams(order + tie, amounts), uniform[:, 8] < self.p)

    def mask(self, params: JitterParams, active: torch.Tensor) -> JitterParams:
        """Samples that are not active ((B,) bool) keep their colours: all amounts are zero."""
        return params._replace(amounts=torch.where(active[:, None], params.amounts, 0.0))

    def apply(self, images: torch.Tensor, params: JitterParams, noise: Noise) -> torch.Tensor:
        """(B, C, H, W) uint8 to the same, channels_last."""
        return jitter(images, params.order, params.amounts)

    def cpu_job(
        self, params: JitterParams, source: np.ndarray, buffers: Buffers, noise: torch.Tensor
    ) -> Job:
        """The same by the CPU's kernels."""
        from headrace.augment.kernels.colour import run_jitter

        order, amounts = params.order.numpy(), params.amounts.numpy()
        target, channels = buffers.images, buffers.channels

        def job(_thread: int, start: int, stop: int) -> None:
            run_jitter(source, target, start, stop, order, amounts, channels)

        return job


def _jitter(
    *,
    brightness: Range = 0.0,
    contrast: Range = 0.0,
    saturation: Range = 0.0,
    hue: Range = 0.0,
    p: float = 1.0,
    mean: tuple[int, ...],
) -> Jitter:
    def offset(name: str, value: Range) -> tuple[float, float]:
        low, high = interval(name, value, 1.0)
        return low - 1.0, high - 1.0

    return Jitter(
        brightness=offset("brightness", brightness),
        contrast=offset("contrast", contrast),
        saturation=offset("saturation", saturation),
        hue=interval("hue", hue, 0.0, -0.5, 0.5),
        p=share_of_one("p", p),
    )


_TURNS = Amount(key="turns", centre=0.0, low=-0.5, high=0.5)

COLOUR_STEPS: dict[str, Constructor] = {
    "saturation": Single(op=Op.SATURATION, amount=FACTOR),
    "hue": Single(op=Op.HUE, amount=_TURNS),
    "grayscale": Single(op=Op.GRAYSCALE, p=0.1),
    "channel_mix": _channel_mix,
}
JITTER_STEPS: dict[str, Constructor] = {"jitter": _jitter}
