"""The four stages in torch: geometry, tone, colour, detail, for a whole batch on any device."""

from __future__ import annotations

import torch

from headrace.augment.operations.tone import TONE_TABLES
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
from headrace.augment.torch_code.colour import apply_colour
from headrace.augment.torch_code.detail import apply_detail
from headrace.augment.torch_code.geometry import flip, matrices, warp
from headrace.augment.torch_code.tone import apply_tone


def run_stages(
    images: torch.Tensor, draws: Draws, slots: tuple[frozenset[Op], ...], config: WarpConfig
) -> torch.Tensor:
    """The stages that the slots can need, each once for the whole batch."""
    possible = frozenset().union(*slots)
    check_codes(possible)
    height, width = images.shape[2:]
    if possible <= FLIPS:
        return flip(images, draws)
    if possible & set(GEOMETRY_OPS):
        matrix = matrices(draws, slots, height, width)
        images = warp(images, matrix, config.interpolation, config.fill)
    if possible & set(TONE_OPS):
        images = apply_tone(images, draws, slots, TONE_TABLES)
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
