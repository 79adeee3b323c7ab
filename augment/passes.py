"""Steps on uint8 images: a pass of the four stages, colour jitter, AugMix.

Every step splits into ``sample`` (uniform numbers to parameters) and ``apply`` (parameters to
pixels); ``mask`` turns the parameters of chosen samples into those of the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch

from headrace.augment.draws import DrawSource, Tables
from headrace.augment.ops import COLOUR_OPS, DETAIL_OPS, GEOMETRY_OPS, TONE_OPS, Draws, Op, join
from headrace.augment.torch_code.colour import apply_colour, jitter
from headrace.augment.torch_code.detail import apply_detail
from headrace.augment.torch_code.geometry import flip, matrices, warp
from headrace.augment.torch_code.tone import apply_tone

_FLIPS = frozenset((Op.HFLIP, Op.VFLIP, Op.IDENTITY))


@dataclass(frozen=True, kw_only=True)
class WarpConfig:
    """How a pass reads between and outside the pixels.

    Attributes:
        interpolation: "nearest" or "bilinear".
        fill: byte for what lies outside, one for all channels or one for each.
        kernel_size: side of the Gaussian blur in pixels, odd.
    """

    interpolation: str = "nearest"
    fill: tuple[int, ...] = (0,)
    kernel_size: int = 9


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One run through geometry, tone, colour and detail, whatever each sample drew.

    Attributes:
        source: fills the slots.
        warp: interpolation, fill colour and blur size.
        in_drawn_order: carry slots out one after the other, each through all stages, instead of
            all slots through one stage after the other. Exact for policies of several operations,
            and as many passes as there are slots.
    """

    source: DrawSource
    warp: WarpConfig = WarpConfig()
    in_drawn_order: bool = False

    @property
    def columns(self) -> int:
        return self.source.columns

    @property
    def gammas(self) -> tuple[float, ...]:
        return ()

    def tables(self, height: int, width: int) -> Tables:
        return self.source.tables(height, width)

    def sample(
        self,
        uniform: torch.Tensor,
        gamma: torch.Tensor,
        tables: Tables,
        size: tuple[int, int],
    ) -> Draws:
        """(B, columns) uniform numbers to the draws of each slot."""
        return self.source.draw(uniform, tables, size)

    def mask(self, params: Draws, active: torch.Tensor) -> Draws:
        """Samples that are not active ((B,) bool) draw the identity in every slot."""
        return params._replace(op=torch.where(active[:, None], params.op, int(Op.IDENTITY)))

    def apply(self, images: torch.Tensor, params: Draws) -> torch.Tensor:
        """(B, C, H, W) uint8 to the same, channels_last."""
        slots = self.source.slots
        if not self.in_drawn_order:
            return run_stages(images, params, slots, self.warp)
        return run_slots(images, params, slots, self.warp)


def run_stages(
    images: torch.Tensor, draws: Draws, slots: tuple[frozenset[Op], ...], config: WarpConfig
) -> torch.Tensor:
    """The stages that the slots can need, each once for the whole batch."""
    possible = frozenset().union(*slots)
    height, width = images.shape[2:]
    if possible <= _FLIPS:
        return flip(images, draws)
    if possible & set(GEOMETRY_OPS):
        matrix = matrices(draws, slots, height, width)
        images = warp(images, matrix, config.interpolation, config.fill)
    if possible & set(TONE_OPS):
        images = apply_tone(images, draws, slots)
    if possible & set(COLOUR_OPS):
        images = apply_colour(images, draws, slots)
    if possible & set(DETAIL_OPS):
        images = apply_detail(images, draws, slots, config.kernel_size)
    return images


def run_slots(
    images: torch.Tensor, draws: Draws, slots: tuple[frozenset[Op], ...], config: WarpConfig
) -> torch.Tensor:
    """Every slot through all stages before the next one."""
    for slot, possible in enumerate(slots):
        one = Draws(*(field[:, slot : slot + 1] for field in draws))
        images = run_stages(images, one, (possible,), config)
    return images


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Several sources side by side in one pass: their matrices and tables are composed."""

    sources: tuple[DrawSource, ...]

    @property
    def slots(self) -> tuple[frozenset[Op], ...]:
        return tuple(slot for source in self.sources for slot in source.slots)

    @property
    def columns(self) -> int:
        return sum(source.columns for source in self.sources)

    def tables(self, height: int, width: int) -> Tables:
        return tuple(source.tables(height, width) for source in self.sources)

    def draw(self, uniform: torch.Tensor, tables: Tables, size: tuple[int, int]) -> Draws:
        column, draws = 0, []
        for source, own in zip(self.sources, tables, strict=True):
            draws.append(source.draw(uniform[:, column : column + source.columns], own, size))
            column += source.columns
        return join(draws)


class JitterParams(NamedTuple):
    """Attributes: order (B, 4) int64 places; amounts (B, 4) float32 offsets and turns."""

    order: torch.Tensor
    amounts: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Jitter:
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

    @property
    def gammas(self) -> tuple[float, ...]:
        return ()

    def tables(self, height: int, width: int) -> Tables:
        return torch.tensor([self.brightness, self.contrast, self.saturation, self.hue]).T

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

    def apply(self, images: torch.Tensor, params: JitterParams) -> torch.Tensor:
        """(B, C, H, W) uint8 to the same, channels_last."""
        return jitter(images, params.order, params.amounts)


class AugMixParams(NamedTuple):
    """Attributes: weights (B, 1 + width) float32 of the image and its chains; chains: draws."""

    weights: torch.Tensor
    chains: tuple[Draws, ...]


@dataclass(frozen=True, kw_only=True)
class AugMix:
    """AugMix (Hendrycks et al., ICLR 2020): chains of operations, averaged with the image.

    Attributes:
        chain: the source of one chain at full depth.
        width: how many chains.
        depth: operations per chain; 0 draws 1 to 3 for each chain.
        alpha: of the Dirichlet over chains and the Beta between chains and image.
        warp: interpolation and fill.
    """

    chain: DrawSource
    width: int
    depth: int
    alpha: float
    warp: WarpConfig

    @property
    def columns(self) -> int:
        return self.width * (self.chain.columns + 1)

    @property
    def gammas(self) -> tuple[float, ...]:
        return (self.alpha,) * (self.width + 2)

    def tables(self, height: int, width: int) -> Tables:
        return self.chain.tables(height, width)

    def sample(
        self,
        uniform: torch.Tensor,
        gamma: torch.Tensor,
        tables: Tables,
        size: tuple[int, int],
    ) -> AugMixParams:
        """Uniform and Gamma numbers to weights (a Dirichlet is normalised Gammas) and chains."""
        share = gamma[:, 1:2] / (gamma[:, :1] + gamma[:, 1:2])
        mixture = gamma[:, 2:] / gamma[:, 2:].sum(1, keepdim=True)
        chains, start = [], 0
        slots = torch.arange(len(self.chain.slots), device=uniform.device)
        for _ in range(self.width):
            own = uniform[:, start : start + self.chain.columns]
            draws = self.chain.draw(own, tables, size)
            length = uniform[:, start + self.chain.columns, None] * 3.0
            used = slots < (self.depth or (length.long().clamp(max=2) + 1))
            chains.append(draws._replace(op=torch.where(used, draws.op, int(Op.IDENTITY))))
            start += self.chain.columns + 1
        return AugMixParams(torch.cat([1.0 - share, mixture * share], 1), tuple(chains))

    def mask(self, params: AugMixParams, active: torch.Tensor) -> AugMixParams:
        """Samples that are not active ((B,) bool) get all weight on the image itself."""
        alone = torch.zeros_like(params.weights)
        alone[:, 0] = 1.0
        return params._replace(weights=torch.where(active[:, None], params.weights, alone))

    def apply(self, images: torch.Tensor, params: AugMixParams) -> torch.Tensor:
        """(B, C, H, W) uint8 to the same, channels_last."""
        weights = params.weights[:, :, None, None, None].unbind(1)
        mixed = images * weights[0]
        for chain, weight in zip(params.chains, weights[1:], strict=True):
            mixed = mixed + run_slots(images, chain, self.chain.slots, self.warp) * weight
        mixed = mixed.clamp(0, 255).to(torch.uint8)
        return mixed.contiguous(memory_format=torch.channels_last)
