"""The colour stage: operations that mix the channels of a pixel.

Saturation and grayscale blend a pixel with its gray value, channel mixing multiplies it by a
matrix, hue turns it about the gray axis of HSV. Rounding is torchvision's for uint8 tensors. Hue
in HSV is no linear map, and gray is rounded down before it is blended, so these are short formulas
and not one 3x4 matrix: the matrix would be off by more than a level.
"""

from __future__ import annotations

import torch

from headrace.augment.ops import Draws, Op
from headrace.augment.torch_code.tone import gray, gray_mean


def apply_colour(
    images: torch.Tensor, draws: Draws, slots: tuple[frozenset[Op], ...]
) -> torch.Tensor:
    """Carries out the colour draws of all slots, in order; gray images stay as they are.

    Args:
        images: (B, C, H, W) uint8.
        draws: (B, S) draws; operations of other stages count as the identity.
        slots: for each slot the operations that it can draw at all.

    Returns:
        (B, C, H, W) uint8, channels_last.
    """
    if images.shape[1] == 1:
        return images
    for slot, possible in enumerate(slots):
        op, magnitude = draws.op[:, slot], draws.magnitude[:, slot]
        if possible & {Op.SATURATION, Op.GRAYSCALE}:
            images = _blend_with_gray(images, op, magnitude)
        if Op.CHANNEL_MIX in possible:
            images = _mix_channels(images, op, draws.vector[:, slot])
        if Op.HUE in possible:
            images = turn_hue(images, torch.where(op == Op.HUE.value, magnitude, 0.0))
    return images.contiguous(memory_format=torch.channels_last)


def _blend_with_gray(
    images: torch.Tensor, op: torch.Tensor, magnitude: torch.Tensor
) -> torch.Tensor:
    grayed = (op == Op.GRAYSCALE.value).to(magnitude.dtype)
    share = torch.where(op == Op.SATURATION.value, -magnitude, grayed)
    return blend(images, gray(images)[:, None], share)


def blend(images: torch.Tensor, other: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """images·(1 - share) + other·share, clamped, rounded down to uint8 (share: (B,) float32)."""
    share = share[:, None, None, None]
    return (images * (1.0 - share) + other * share).clamp_(0, 255).to(torch.uint8)


def _mix_channels(images: torch.Tensor, op: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    matrix = vector.view(-1, 3, 3, 1, 1)
    planes = images.float()
    mixed = sum(planes[:, k : k + 1] * matrix[:, :, k] for k in range(3)) + 0.5
    chosen = (op == Op.CHANNEL_MIX.value)[:, None, None, None]
    return torch.where(chosen, mixed.clamp(0, 255).to(torch.uint8), images)


def turn_hue(images: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """Turns the hue of each image in HSV, as torchvision's adjust_hue.

    Args:
        images: (B, 3, H, W) uint8.
        turns: (B,) float32 in -0.5..0.5; an image with exactly 0 stays as it is.

    Returns:
        (B, 3, H, W) uint8, channels_last.
    """
    level = images.float() * (1.0 / 255.0)
    red, green, blue = level.unbind(1)
    low, value = level.amin(1), level.amax(1)
    span = value - low
    saturation = span / torch.where(span == 0, 1.0, value)
    divisor = torch.where(span == 0, 1.0, span)
    r, g, b = ((value - plane) / divisor for plane in (red, green, blue))
    sextant = torch.where(
        value == red, b - g, torch.where(value == green, r - b + 2.0, g - r + 4.0)
    )
    hue = (sextant * (1.0 / 6.0) + 1.0).fmod(1.0) + turns[:, None, None]
    six = hue.remainder(1.0) * 6.0
    # One formula per channel: the ramp of its distance from where it is strongest
    # (the usual closed form of HSV to RGB), instead of a table by sextant.
    planes = []
    for offset in (5.0, 3.0, 1.0):
        ramp = (six + offset).remainder(6.0)
        weight = torch.minimum(ramp, 4.0 - ramp).clamp(0.0, 1.0)
        planes.append(value - value * saturation * weight)
    turned = (torch.stack(planes, 1) * 255.999).clamp(0, 255).to(torch.uint8)
    return torch.where((turns == 0)[:, None, None, None], images, turned)


def jitter(images: torch.Tensor, order: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Brightness, contrast, saturation and hue, each sample in an order of its own.

    The first three are one formula, a blend with black, the mean gray or the pixel's gray. The
    costly hue is computed once: what a sample drew before it runs first, the rest afterwards.

    Args:
        images: (B, 3 or 1, H, W) uint8.
        order: (B, 4) int64: at which place each of brightness, contrast, saturation and hue comes.
        amounts: (B, 4) float32: three offsets of the factor from 1, and turns of hue.

    Returns:
        (B, C, H, W) uint8, channels_last.
    """
    coloured = images.shape[1] == 3
    place = order[:, 3:]
    for after_hue in (False, True):
        for position in range(4):
            here = order[:, :3] == position
            active = here & ((place < position) if after_hue else (place > position))
            images = _one_adjustment(images, active, amounts)
        if coloured and not after_hue:
            images = turn_hue(images, amounts[:, 3])
    return images.contiguous(memory_format=torch.channels_last)


def _one_adjustment(
    images: torch.Tensor, active: torch.Tensor, amounts: torch.Tensor
) -> torch.Tensor:
    """Brightness, contrast or saturation, whichever is active ((B, 3) bool); else the image."""
    share = torch.where(active, -amounts[:, :3], 0.0)
    which = active[:, 1, None, None, None]
    other = torch.where(which, gray_mean(images)[:, None, None, None], 0.0)
    if images.shape[1] == 3:
        other = torch.where(active[:, 2, None, None, None], gray(images)[:, None], other)
    else:
        share = share[:, :2]
    return blend(images, other, share.sum(1))
