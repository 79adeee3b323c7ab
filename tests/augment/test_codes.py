"""A code that no operation has is refused where it comes in from Python, in every family."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from headrace.augment.buffers import Buffers
from headrace.augment.draws import SingleOp, SpaceEntry
from headrace.augment.operations.erase import Cutout
from headrace.augment.operations.mix import Mix
from headrace.augment.operations.tone import TONE_TABLES
from headrace.augment.ops import Draws, MixKind, Op, Stage
from headrace.augment.settings import Fill, WarpConfig
from headrace.augment.stages import run_slots, run_stages
from headrace.augment.stages_cpu import slots_job, stages_job
from headrace.augment.torch_code.mix import MixParams, mix
from headrace.augment.torch_code.tone import ToneTable, apply_tone
from headrace.pipeline.errors import ConfigError

SHAPE = (2, 3, 8, 8)
# The last code of each stage's twenty, which no operation has.
UNKNOWN = {stage.name.lower(): 20 * int(stage) + 19 for stage in Stage}


def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    batch = torch.randint(0, 256, SHAPE, generator=generator, dtype=torch.uint8)
    return batch.contiguous(memory_format=torch.channels_last)


def draws(*codes: int) -> Draws:
    op = torch.tensor(codes)[:, None]
    return Draws(op, torch.zeros(op.shape), torch.zeros((*op.shape, 9)))


@pytest.mark.parametrize("code", UNKNOWN.values(), ids=UNKNOWN)
def test_torch_code_refuses_a_slot_of_an_unknown_operation(code: int) -> None:
    slots: Any = (frozenset((code,)),)
    for run in (run_stages, run_slots):
        with pytest.raises(ConfigError, match=f"unknown Op code {code}: expected one of IDENTITY"):
            run(images(), draws(code, 0), slots, WarpConfig())


@pytest.mark.parametrize("code", [*UNKNOWN.values(), -1, 99])
def test_kernels_refuse_a_draw_of_an_unknown_operation(code: int) -> None:
    """As a draw, which a kernel would read, and as a slot."""
    source = np.zeros((2, 8, 24), np.uint8)
    known: Any = (frozenset(op for op in Op if op.stage == code // 20),)
    unknown: Any = (frozenset((code,)),)
    for job in (stages_job, slots_job):
        for drawn, slots in ((draws(0, code), known), (draws(0, 0), unknown)):
            with pytest.raises(ConfigError, match=f"unknown Op code {code}"):
                job(drawn, slots, WarpConfig(), source, source, Buffers(SHAPE, 1))


@pytest.mark.parametrize("code", [*UNKNOWN.values(), -1, 99])
def test_sources_of_draws_refuse_an_unknown_operation(code: Any) -> None:
    for source in (SingleOp, SpaceEntry):
        with pytest.raises(ConfigError, match=f"unknown Op code {code}"):
            source(op=code)


def test_geometry_refuses_an_unknown_interpolation() -> None:
    with pytest.raises(ConfigError, match="interpolation is 'cubic': expected nearest or bilinear"):
        WarpConfig(interpolation="cubic")


def test_a_tone_operation_without_torch_code_is_refused() -> None:
    others: dict[Op, ToneTable] = dict(TONE_TABLES)
    del others[Op.GAMMA]
    with pytest.raises(ConfigError, match=r"GAMMA has no torch code: .* operations/tone\.py"):
        apply_tone(images(), draws(Op.GAMMA, 0), (frozenset((Op.GAMMA,)),), others)


def test_erasing_refuses_an_unknown_fill() -> None:
    for colour in ((256,), (-1, 0, 0), (), "noise"):
        with pytest.raises(ConfigError, match=r"fill colour is .*: expected bytes"):
            Cutout(fill=Fill(colour=colour))  # type: ignore[arg-type]


def test_mixing_refuses_an_unknown_kind() -> None:
    with pytest.raises(ConfigError, match="unknown mix 'blend': expected mixup, cutmix, ricap"):
        Mix(kinds=("blend",), alphas=(1.0,), weights=(1.0,))
    zeros = torch.zeros(2, dtype=torch.int64)
    box, offset = zeros[:, None].expand(2, 4), zeros[:, None, None].expand(2, 1, 2)
    kinds = torch.tensor([0, 4])
    params = MixParams(kinds, zeros[:, None], torch.zeros(2), box, offset, torch.ones(2, 2))
    known = Mix(kinds=("ricap",), alphas=(1.0,), weights=(1.0,))
    source, target = np.zeros((2, 8, 24), np.uint8), np.zeros((2, 8, 24), np.float32)
    scale = np.ones(24, np.float32)
    with pytest.raises(ConfigError, match="unknown MixKind code 4: expected one of NONE 0"):
        known.cpu_job(params, source, target, Buffers(SHAPE, 1), scale, scale)
    unknown: Any = frozenset((4,))
    with pytest.raises(ConfigError, match="unknown MixKind code 4"):
        mix(images(), params, unknown)
    assert 4 not in list(MixKind)
