"""AugMix as a step: chains of drawn operations, averaged with the image that they start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from headrace.augment.buffers import Buffers, Job
from headrace.augment.draws import DrawSource, Tables
from headrace.augment.ops import Draws, Op
from headrace.augment.protocol import Noise, Step
from headrace.augment.settings import WarpConfig
from headrace.augment.stages import run_slots


class AugMixParams(NamedTuple):
    """Attributes: weights (B, 1 + width) float32 of the image and its chains; chains: draws."""

    weights: torch.Tensor
    chains: tuple[Draws, ...]


@dataclass(frozen=True, kw_only=True)
class AugMix(Step):
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
        """Uniform and Gamma numbers to weights and chains.

        The chains together weigh m, drawn from Beta(alpha, alpha) as G1 / (G0 + G1) of two
        Gamma(alpha) numbers; among them m is shared by a Dirichlet, which is normalised Gammas.
        """
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

    def apply(self, images: torch.Tensor, params: AugMixParams, noise: Noise) -> torch.Tensor:
        """(B, C, H, W) uint8 to the same, channels_last."""
        weights = params.weights[:, :, None, None, None].unbind(1)
        mixed = images * weights[0]
        for chain, weight in zip(params.chains, weights[1:], strict=True):
            mixed = mixed + run_slots(images, chain, self.chain.slots, self.warp) * weight
        mixed = mixed.clamp(0, 255).to(torch.uint8)
        return mixed.contiguous(memory_format=torch.channels_last)

    def cpu_job(
        self, params: AugMixParams, source: np.ndarray, buffers: Buffers, noise: torch.Tensor
    ) -> Job:
        """The same by the CPU's kernels."""
        from headrace.augment.kernels.augmix import run_average, run_round_down
        from headrace.augment.stages_cpu import slots_job

        chain_images, total = buffers.chains()
        target, weights = buffers.images, params.weights.numpy()
        slots = self.chain.slots
        chains = [
            slots_job(chain, slots, self.warp, source, chain_images, buffers)
            for chain in params.chains
        ]

        def job(thread: int, start: int, stop: int) -> None:
            run_average(source, total, start, stop, weights, 0)
            for column, chain_job in enumerate(chains, 1):
                chain_job(thread, start, stop)
                run_average(chain_images, total, start, stop, weights, column)
            run_round_down(total, target, start, stop)

        return job
