"""The mix stage: mixup, CutMix and RICAP on the whole batch, with soft targets.

Mixing is linear, so it works on pixel values in 0..255 and normalisation follows it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from headrace.augment.ops import MixKind, check_codes
from headrace.pipeline.errors import ConfigError


class MixParams(NamedTuple):
    """What each sample is mixed from.

    Attributes:
        kind: (B,) int64, codes of MixKind.
        partners: (B, P) int64 positions in the batch; P is 1, or 4 where RICAP is possible.
        weight: (B,) float32, the share of the partner in mixup.
        box: (B, 4) int64 top, bottom, left, right: the partner's pixels in CutMix; the corner
            (bottom, right) divides RICAP's four patches.
        offset: (B, 4, 2) int64 y, x: from a pixel of a RICAP patch to the partner's pixel.
        shares: (B, 1 + P) float32, of the sample itself and its partners in the target.
    """

    kind: torch.Tensor
    partners: torch.Tensor
    weight: torch.Tensor
    box: torch.Tensor
    offset: torch.Tensor
    shares: torch.Tensor


def mix(images: torch.Tensor, params: MixParams, kinds: frozenset[MixKind]) -> torch.Tensor:
    """Mixes a batch.

    Args:
        images: (B, C, H, W) uint8.
        params: what each sample is mixed from.
        kinds: the ways of mixing that can have been drawn; others are not computed.

    Returns:
        (B, C, H, W) float32 in 0..255, channels_last.

    Raises:
        ConfigError: on a kind that does not exist.
    """
    check_codes(kinds, MixKind)
    height, width = images.shape[2:]
    row = torch.arange(height, device=images.device)[:, None]
    column = torch.arange(width, device=images.device)
    top, bottom, left, right = params.box[:, :, None, None].unbind(1)
    own = images
    if MixKind.RICAP in kinds:
        patched = _patches(images, params, (row >= bottom) * 2 + (column >= right) * 1)
        ricap = (params.kind == MixKind.RICAP.value)[:, None, None, None]
        own = torch.where(ricap, patched, images)
    level = own.float()
    if kinds == {MixKind.RICAP}:
        return level
    other = images[params.partners[:, 0]].float()
    inside = (row >= top) & (row < bottom) & (column >= left) & (column < right)
    kind = params.kind[:, None, None]
    weight = torch.where(kind == MixKind.MIXUP.value, params.weight[:, None, None], 0.0)
    weight = torch.where((kind == MixKind.CUTMIX.value) & inside, 1.0, weight)
    return level + (other - level) * weight[:, None]


def _patches(images: torch.Tensor, params: MixParams, quadrant: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) uint8: each pixel from the partner of its quadrant ((B, H, W) int64)."""
    batch, channels, height, width = images.shape
    flat = quadrant.view(batch, -1)
    partner = params.partners.gather(1, flat)
    row = torch.arange(height, device=images.device).repeat_interleave(width)
    column = torch.arange(width, device=images.device).repeat(height)
    y = row + params.offset[:, :, 0].gather(1, flat)
    x = column + params.offset[:, :, 1].gather(1, flat)
    # Samples that are not patched have offsets of another draw: keep every index inside.
    index = (partner * height + y.clamp(0, height - 1)) * width + x.clamp(0, width - 1)
    pixels = images.permute(0, 2, 3, 1).reshape(-1, channels)
    out = pixels[index.view(-1)].view(batch, height, width, channels)
    return out.permute(0, 3, 1, 2)


def soft_targets(labels: torch.Tensor, params: MixParams, num_classes: int) -> torch.Tensor:
    """(B,) int64 labels to (B, num_classes) float32 shares that sum to 1."""
    classes = torch.arange(num_classes, device=labels.device)
    # float32 whatever the images are: bf16 holds neither the shares nor large class numbers.
    targets = (labels[:, None] == classes) * params.shares[:, :1]
    for k in range(params.partners.shape[1]):
        other = labels[params.partners[:, k]]
        targets = targets + (other[:, None] == classes) * params.shares[:, k + 1 : k + 2]
    return targets


def check_labels(labels: torch.Tensor, num_classes: int) -> None:
    """Refuses labels that have no place in a soft target.

    On the CPU this raises at once. On another device it must not wait, so the check runs there and
    a bad label stops the program at a later call.

    Raises:
        ConfigError: on a label below 0 (unlabelled) or not below ``num_classes``.
    """
    good = (labels >= 0) & (labels < num_classes)
    text = (
        f"mixing needs a label in 0..{num_classes - 1} for every sample; found an unlabelled "
        "sample (-1) or another class: leave such samples out, or use a recipe that does not mix"
    )
    if labels.device.type == "cpu" and not torch.compiler.is_compiling():
        if not bool(good.all()):
            worst = labels[~good][0].item()
            raise ConfigError(f"label {worst}: {text}")
    else:
        torch._assert_async(good.all(), text)
