"""The tone stage: each draw becomes a 256-entry table per sample and channel, and one lookup.

Formulas and rounding are torchvision's for uint8 tensors (transforms.v2.functional, _color.py),
so results are equal to its own; equalize is PIL's (ImageOps.equalize), as there.
"""

from __future__ import annotations

import torch

from headrace.augment.ops import TONE_OPS, Draws, Op


def apply_tone(
    images: torch.Tensor, draws: Draws, slots: tuple[frozenset[Op], ...]
) -> torch.Tensor:
    """Carries out the tone draws of all slots, in order.

    Tables of neighbouring slots are composed; only a draw that depends on the image as the slot
    before left it (contrast, autocontrast, equalize) makes that table be looked up first.

    Args:
        images: (B, C, H, W) uint8.
        draws: (B, S) draws; operations of other stages count as the identity.
        slots: for each slot the operations that it can draw at all.

    Returns:
        (B, C, H, W) uint8, channels_last.
    """
    tables: torch.Tensor | None = None
    for slot, possible in enumerate(slots):
        if not possible & set(TONE_OPS):
            continue
        if tables is not None and possible & {Op.CONTRAST, Op.AUTOCONTRAST, Op.EQUALIZE}:
            images, tables = look_up(images, tables), None
        new = slot_tables(images, draws.op[:, slot], draws.magnitude[:, slot], possible)
        tables = new if tables is None else _compose(tables, new)
    return images if tables is None else look_up(images, tables)


def slot_tables(
    images: torch.Tensor, op: torch.Tensor, magnitude: torch.Tensor, possible: frozenset[Op]
) -> torch.Tensor:
    """The tables of one slot.

    Args:
        images: (B, C, H, W) uint8, for the operations that depend on the image.
        op: (B,) int64.
        magnitude: (B,) float32.
        possible: operations that the slot can draw at all; others are not computed.

    Returns:
        (B, 256, C or 1) uint8; 1 where no possible operation tells channels apart.
    """
    op, magnitude = op[:, None, None], magnitude[:, None, None]
    values = torch.arange(256, device=images.device).view(1, 256, 1)
    level = values.float()
    table = values.to(torch.uint8).expand(len(images), 256, 1)

    def pick(code: Op, new: torch.Tensor) -> torch.Tensor:
        return torch.where(op == code.value, new.to(torch.uint8), table)

    if Op.BRIGHTNESS in possible:
        table = pick(Op.BRIGHTNESS, (level * (1.0 + magnitude)).clamp(0, 255))
    if Op.CONTRAST in possible:
        # 1 - factor is minus the offset; the sum is rounded once, as a fused multiply-add does it.
        share = -magnitude.double() * gray_mean(images).double().view(-1, 1, 1)
        blend = ((level * (1.0 + magnitude)).double() + share).float()
        table = pick(Op.CONTRAST, blend.clamp(0, 255))
    if Op.SOLARIZE in possible:
        table = pick(Op.SOLARIZE, torch.where(level >= 255.0 * magnitude, 255 - values, values))
    if Op.POSTERIZE in possible:
        mask = 256 - torch.exp2(8.0 - magnitude.trunc()).long()
        table = pick(Op.POSTERIZE, values & mask)
    if Op.INVERT in possible:
        table = pick(Op.INVERT, 255 - values)
    if Op.GAMMA in possible:
        table = pick(Op.GAMMA, (level * (1.0 / 255.0)).pow(magnitude) * 255.999)
    if Op.AUTOCONTRAST in possible:
        table = pick(Op.AUTOCONTRAST, _autocontrast(images, level))
    if Op.EQUALIZE in possible:
        table = pick(Op.EQUALIZE, _equalize(images, values))
    return table


def gray_mean(images: torch.Tensor) -> torch.Tensor:
    """(B,) float32: the mean of the gray image, each gray pixel rounded down."""
    if images.shape[1] == 1:
        return images.float().mean((1, 2, 3))
    return gray(images).mean((1, 2))


def gray(images: torch.Tensor) -> torch.Tensor:
    """(B, H, W) float32 whole numbers: ITU-R 601 luma, rounded down (images: uint8 or float)."""
    red, green, blue = images.unbind(1)
    return red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).floor_()


def look_up(images: torch.Tensor, tables: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) uint8 through (B, 256, C or 1) tables; the result is channels_last."""
    batch, channels, height, width = images.shape
    pixels = _pixels(images)
    out = tables.expand(-1, -1, channels).gather(1, pixels.long())
    return out.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _pixels(images: torch.Tensor) -> torch.Tensor:
    """(B, H·W, C): a view of a channels_last batch."""
    return images.permute(0, 2, 3, 1).reshape(len(images), -1, images.shape[1])


def _compose(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    channels = max(first.shape[2], second.shape[2])
    return second.expand(-1, -1, channels).gather(1, first.expand(-1, -1, channels).long())


def _autocontrast(images: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    low = images.amin((2, 3)).float()[:, None]
    high = images.amax((2, 3)).float()[:, None]
    flat = low == high
    scale = torch.where(flat, 1.0, (high - low) * (1.0 / 255.0))
    return ((level - torch.where(flat, 0.0, low)) / scale).clamp(0, 255)


def _equalize(images: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    histogram = histograms(images)
    total = images.shape[2] * images.shape[3]
    brightest = torch.where(histogram > 0, values, 0).amax(1, keepdim=True)
    step = (total - histogram.gather(1, brightest)) // 255
    below = histogram.cumsum(1) - histogram
    table = ((below + step // 2) // step.clamp(min=1)).clamp(0, 255)
    return torch.where(step == 0, values, table)


def histograms(images: torch.Tensor) -> torch.Tensor:
    """(B, 256, C) int64 counts. scatter_add, since bincount would wait for its largest value."""
    pixels = _pixels(images).long()
    counts = pixels.new_zeros((len(images), 256, images.shape[1]))
    return counts.scatter_add_(1, pixels, torch.ones_like(pixels))
