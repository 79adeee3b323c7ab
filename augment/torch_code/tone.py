"""The tone stage: each draw becomes a 256-entry table per sample and channel, and one lookup.

Formulas and rounding are torchvision's for uint8 tensors (transforms.v2.functional, _color.py),
so results are equal to its own; equalize is PIL's (ImageOps.equalize), as there. Which function is
which operation's stands in operations/tone.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from headrace.augment.ops import TONE_OPS, Draws, Op
from headrace.pipeline.errors import ConfigError


class ToneInput(NamedTuple):
    """What a table is made of.

    Attributes:
        values: (1, 256, 1) int64, the bytes 0..255.
        level: the same as float32.
        magnitude: (B, 1, 1) float32; a sample that drew another operation holds that one's.
        images: (B, C, H, W) uint8.
    """

    values: torch.Tensor
    level: torch.Tensor
    magnitude: torch.Tensor
    images: torch.Tensor


class ToneTable(NamedTuple):
    """The torch code of one operation.

    Attributes:
        make: gives whole numbers or float32 levels in 0..255, (B or 1, 256, C or 1).
        reads_image: whether the table depends on the image.
    """

    make: Callable[[ToneInput], torch.Tensor]
    reads_image: bool


def apply_tone(
    images: torch.Tensor,
    draws: Draws,
    slots: tuple[frozenset[Op], ...],
    operations: Mapping[Op, ToneTable],
) -> torch.Tensor:
    """Carries out the tone draws of all slots, in order.

    Tables of neighbouring slots are composed; only a draw that depends on the image as the slot
    before left it (contrast, autocontrast, equalize) makes that table be looked up first.

    Args:
        images: (B, C, H, W) uint8.
        draws: (B, S) draws; operations of other stages count as the identity.
        slots: for each slot the operations that it can draw at all.
        operations: the torch code of every tone operation.

    Returns:
        (B, C, H, W) uint8, channels_last.

    Raises:
        ConfigError: when a slot can draw a tone operation that has no torch code.
    """
    tables: torch.Tensor | None = None
    for slot, possible in enumerate(slots):
        wanted = [op for op in TONE_OPS if op in possible]
        if not wanted:
            continue
        missing = [op.name for op in wanted if op not in operations]
        if missing:
            raise ConfigError(f"{missing[0]} has no torch code: name it in operations/tone.py")
        if tables is not None and any(operations[op].reads_image for op in wanted):
            images, tables = look_up(images, tables), None
        new = slot_tables(images, draws.op[:, slot], draws.magnitude[:, slot], possible, operations)
        tables = new if tables is None else _compose(tables, new)
    return images if tables is None else look_up(images, tables)


def slot_tables(
    images: torch.Tensor,
    op: torch.Tensor,
    magnitude: torch.Tensor,
    possible: frozenset[Op],
    operations: Mapping[Op, ToneTable],
) -> torch.Tensor:
    """The tables of one slot.

    Args:
        images: (B, C, H, W) uint8, for the operations that depend on the image.
        op: (B,) int64.
        magnitude: (B,) float32.
        possible: operations that the slot can draw at all; others are not computed.
        operations: the torch code of every tone operation.

    Returns:
        (B, 256, C or 1) uint8; 1 where no possible operation tells channels apart.
    """
    op = op[:, None, None]
    values = torch.arange(256, device=images.device).view(1, 256, 1)
    given = ToneInput(values, values.float(), magnitude[:, None, None], images)
    table = values.to(torch.uint8).expand(len(images), 256, 1)
    for code, operation in operations.items():
        if code in possible:
            table = torch.where(op == code.value, operation.make(given).to(torch.uint8), table)
    return table


def brightness(given: ToneInput) -> torch.Tensor:
    """Every level times 1 + magnitude."""
    return (given.level * (1.0 + given.magnitude)).clamp(0, 255)


def contrast(given: ToneInput) -> torch.Tensor:
    """A blend with the mean gray of the image; the factor is 1 + magnitude."""
    # 1 - factor is minus the offset; the sum is rounded once, as a fused multiply-add does it.
    share = -given.magnitude.double() * gray_mean(given.images).double().view(-1, 1, 1)
    blend = ((given.level * (1.0 + given.magnitude)).double() + share).float()
    return blend.clamp(0, 255)


def solarize(given: ToneInput) -> torch.Tensor:
    """Levels from the threshold on are inverted; the magnitude is a share of 255."""
    above = given.level >= 255.0 * given.magnitude
    return torch.where(above, 255 - given.values, given.values)


def posterize(given: ToneInput) -> torch.Tensor:
    """Only the highest bits are kept; the magnitude says how many."""
    return given.values & (256 - torch.exp2(8.0 - given.magnitude.trunc()).long())


def invert(given: ToneInput) -> torch.Tensor:
    """255 minus the level."""
    return 255 - given.values


def gamma(given: ToneInput) -> torch.Tensor:
    """Levels in 0..1 to the power of the magnitude."""
    return (given.level * (1.0 / 255.0)).pow(given.magnitude) * 255.999


def autocontrast(given: ToneInput) -> torch.Tensor:
    """Each channel's range stretched to 0..255."""
    low = given.images.amin((2, 3)).float()[:, None]
    high = given.images.amax((2, 3)).float()[:, None]
    flat = low == high
    scale = torch.where(flat, 1.0, (high - low) * (1.0 / 255.0))
    return ((given.level - torch.where(flat, 0.0, low)) / scale).clamp(0, 255)


def equalize(given: ToneInput) -> torch.Tensor:
    """Each channel's histogram flattened, as PIL's ImageOps.equalize."""
    histogram = histograms(given.images)
    total = given.images.shape[2] * given.images.shape[3]
    brightest = torch.where(histogram > 0, given.values, 0).amax(1, keepdim=True)
    step = (total - histogram.gather(1, brightest)) // 255
    below = histogram.cumsum(1) - histogram
    table = ((below + step // 2) // step.clamp(min=1)).clamp(0, 255)
    return torch.where(step == 0, given.values, table)


def gray_mean(images: torch.Tensor) -> torch.Tensor:
    """(B,) float32: the mean of the gray image, each gray pixel rounded down."""
    if images.shape[1] == 1:
        return images.float().mean((1, 2, 3))
    return gray(images).mean((1, 2))


def gray(images: torch.Tensor) -> torch.Tensor:
    """(B, H, W) float32 whole numbers: ITU-R 601 luma, rounded down (images: uint8 or float)."""
    red, green, blue = images.unbind(1)
    return red.float().mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).floor_()


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


def histograms(images: torch.Tensor) -> torch.Tensor:
    """(B, 256, C) int64 counts. scatter_add, since bincount would wait for its largest value."""
    pixels = _pixels(images).long()
    counts = pixels.new_zeros((len(images), 256, images.shape[1]))
    return counts.scatter_add_(1, pixels, torch.ones_like(pixels))
