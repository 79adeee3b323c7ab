"""A pass: what each sample drew, carried out in the four stages, each once for the whole batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from headrace.augment.buffers import Buffers, Job
from headrace.augment.draws import DrawSource, Merged, Tables
from headrace.augment.ops import FLIPS, Draws, Op, Stage
from headrace.augment.protocol import Noise, Step
from headrace.augment.settings import WarpConfig
from headrace.augment.stages import run_slots, run_stages


@dataclass(frozen=True, kw_only=True)
class Pass(Step):
    """One run through geometry, tone, colour and detail, whatever each sample drew.

    Attributes:
        source: fills the slots.
        warp: interpolation, fill colour and blur size.
        in_drawn_order: carry slots out one after the other, each through all stages, instead of
            all slots through one stage after the other. Exact for policies of several operations,
            and as many passes as there are slots.
    """

    source: DrawSource
    warp: WarpConfig = field(default_factory=WarpConfig)
    in_drawn_order: bool = False

    @property
    def columns(self) -> int:
        return self.source.columns

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

    def apply(self, images: torch.Tensor, params: Draws, noise: Noise) -> torch.Tensor:
        """(B, C, H, W) uint8 to the same, channels_last."""
        run = run_slots if self.in_drawn_order else run_stages
        return run(images, params, self.source.slots, self.warp)

    def cpu_job(
        self, params: Draws, source: np.ndarray, buffers: Buffers, noise: torch.Tensor
    ) -> Job:
        """The stages by the CPU's kernels, on what each sample drew and nothing else."""
        from headrace.augment.stages_cpu import slots_job, stages_job

        job = slots_job if self.in_drawn_order else stages_job
        return job(params, self.source.slots, self.warp, source, buffers.images, buffers)

    def mirrored_rows(self, params: Draws) -> np.ndarray | None:
        """(B,) bool where all that the pass can do is to mirror rows, else None."""
        if not all(slot <= {Op.HFLIP, Op.IDENTITY} for slot in self.source.slots):
            return None
        return (params.op == Op.HFLIP.value).sum(1).remainder(2).bool().numpy()

    def joined(self, following: Step) -> Step | None:
        """One pass for both, wherever the fixed order of stages keeps the order of the two."""
        if not isinstance(following, Pass) or not _compatible(self, following):
            return None
        sources = self.source.sources if isinstance(self.source, Merged) else (self.source,)
        return Pass(
            source=Merged(sources=(*sources, following.source)), warp=_joint_warp(self, following)
        )


def _stages(step: Pass) -> set[Stage]:
    return {op.stage for slot in step.source.slots for op in slot if op.stage is not None}


def _compatible(first: Pass, second: Pass) -> bool:
    before, after = _stages(first), _stages(second)
    both_warp = Stage.GEOMETRY in before and Stage.GEOMETRY in after
    if both_warp and first.warp != second.warp and not (_only_flips(first) or _only_flips(second)):
        return False
    both_blur = Stage.DETAIL in before and Stage.DETAIL in after
    if both_blur and first.warp.kernel_size != second.warp.kernel_size:
        return False
    return max(before) <= min(after) and not (first.in_drawn_order or second.in_drawn_order)


def _only_flips(step: Pass) -> bool:
    return all(slot <= FLIPS for slot in step.source.slots)


def _joint_warp(first: Pass, second: Pass) -> WarpConfig:
    """The settings of whichever pass needs them: geometry's for the warp, detail's for the blur."""
    geometry = second if Stage.GEOMETRY in _stages(second) and not _only_flips(second) else first
    detail = second if Stage.DETAIL in _stages(second) else first
    return replace(geometry.warp, kernel_size=detail.warp.kernel_size)
