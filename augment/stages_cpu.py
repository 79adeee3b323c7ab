"""The four stages by the CPU's kernels: on each sample what it drew and nothing else."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from headrace.augment.buffers import Buffers, Job, colour, in_sequence
from headrace.augment.kernels.colour import run_colour
from headrace.augment.kernels.detail import run_detail
from headrace.augment.kernels.geometry import run_geometry
from headrace.augment.kernels.tone import run_tone
from headrace.augment.ops import (
    COLOUR_OPS,
    DETAIL_OPS,
    FLIPS,
    GEOMETRY_OPS,
    TONE_OPS,
    Draws,
    Op,
    check_codes,
)
from headrace.augment.settings import WarpConfig
from headrace.augment.torch_code.detail import gaussian
from headrace.augment.torch_code.geometry import matrices

# Whether code - 1 is an operation, with nothing at either end: what lies outside is clipped to it.
_KNOWN = np.isin(np.arange(-1, max(Op) + 2), list(Op))


def stages_job(
    draws: Draws,
    slots: tuple[frozenset[Op], ...],
    config: WarpConfig,
    source: np.ndarray,
    target: np.ndarray,
    buffers: Buffers,
) -> Job:
    """All slots through one stage after the other, as `run_stages` in stages.py.

    Args:
        draws: (B, S) draws on the CPU.
        slots: for each slot the operations that it can draw at all.
        config: interpolation, fill colour and blur size.
        source: (B, H, W·C) uint8, left as it is unless it is ``target``.
        target: (B, H, W·C) uint8.
        buffers: of this batch shape.

    Raises:
        ConfigError: on an operation code that does not exist.
    """
    channels, spare = buffers.channels, buffers.spare
    height, width = source.shape[1], source.shape[2] // channels
    op, magnitude, vector = (field.contiguous().numpy() for field in draws)
    possible = frozenset(itertools.chain(*slots))
    check_codes(possible)
    if not _KNOWN.take(op + 1, mode="clip").all():
        check_codes(op.ravel().tolist())
    matrix, moved = _moves(draws, slots, height, width)
    weights = _blur_weights(draws, slots, config)
    fill = colour(config.fill, channels)
    bilinear = config.interpolation == "bilinear"
    tone, coloured = bool(possible & set(TONE_OPS)), bool(possible & set(COLOUR_OPS))
    detailed = bool(possible & set(DETAIL_OPS))

    def job(thread: int, start: int, stop: int) -> None:
        own = spare[thread]
        run_geometry(source, target, own, start, stop, matrix, moved, bilinear, fill, channels)
        if tone:
            run_tone(target, start, stop, op, magnitude, channels)
        if coloured and channels == 3:
            run_colour(target, start, stop, op, magnitude, vector)
        if detailed:
            run_detail(target, own, start, stop, op, magnitude, weights, channels)

    return job


def slots_job(
    draws: Draws,
    slots: tuple[frozenset[Op], ...],
    config: WarpConfig,
    source: np.ndarray,
    target: np.ndarray,
    buffers: Buffers,
) -> Job:
    """Every slot through all stages before the next one, as `run_slots`; arguments as above."""
    jobs = []
    for slot, possible in enumerate(slots):
        one = Draws(*(field[:, slot : slot + 1] for field in draws))
        jobs.append(stages_job(one, (possible,), config, source, target, buffers))
        source = target
    return in_sequence(jobs)


def _moves(
    draws: Draws, slots: tuple[frozenset[Op], ...], height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Matrices, and for each sample 0 nothing moves, 1 a warp, 2 mirrored rows, 3 columns."""
    batch = len(draws.op)
    possible = frozenset(itertools.chain(*slots))
    if not possible & set(GEOMETRY_OPS):
        return np.zeros((batch, 3, 3), np.float32), np.zeros(batch, np.int64)
    if possible <= FLIPS and len(slots) == 1:
        mirrored = draws.op[:, 0]
        moved = (mirrored == Op.HFLIP.value) * 2 + (mirrored == Op.VFLIP.value) * 3
        return np.zeros((batch, 3, 3), np.float32), moved.numpy()
    matrix = matrices(draws, slots, height, width).contiguous()
    plain = (matrix == torch.eye(3, device="cpu")).flatten(1).all(1)
    return matrix.numpy(), (~plain).long().numpy()


def _blur_weights(draws: Draws, slots: tuple[frozenset[Op], ...], config: WarpConfig) -> np.ndarray:
    """(B, S, K) float32."""
    batch, count = draws.op.shape
    weights = draws.magnitude.new_zeros((batch, count, config.kernel_size))
    for slot, possible in enumerate(slots):
        if Op.BLUR in possible:
            chosen = draws.op[:, slot] == Op.BLUR.value
            sigma = torch.where(chosen, draws.magnitude[:, slot], 1.0)
            weights[:, slot] = gaussian(sigma, config.kernel_size)
    return weights.numpy()
