"""The detail stage: sharpness and Gaussian blur, chosen per sample."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from headrace.augment.ops import DETAIL_OPS, Draws, Op


def apply_detail(
    images: torch.Tensor, draws: Draws, slots: tuple[frozenset[Op], ...], kernel_size: int
) -> torch.Tensor:
    """Carries out the detail draws of all slots, in order.

    Args:
        images: (B, C, H, W) uint8.
        draws: (B, S) draws; operations of other stages count as the identity.
        slots: for each slot the operations that it can draw at all.
        kernel_size: odd side of the Gaussian in pixels.

    Returns:
        (B, C, H, W) uint8, channels_last.
    """
    for slot, possible in enumerate(slots):
        if not possible & set(DETAIL_OPS):
            continue
        op, magnitude = draws.op[:, slot], draws.magnitude[:, slot]
        if Op.SHARPNESS in possible:
            images = sharpen(images, torch.where(op == Op.SHARPNESS.value, magnitude, 0.0))
        if Op.BLUR in possible:
            images = blur(images, op == Op.BLUR.value, magnitude, kernel_size)
    return images.contiguous(memory_format=torch.channels_last)


def sharpen(images: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """Blends with the 3x3 smoothed image (PIL's SMOOTH filter); the outermost pixels stay.

    Args:
        images: (B, C, H, W) uint8.
        offset: (B,) float32, the sharpness factor minus 1; 0 keeps the image.

    Returns:
        (B, C, H, W) uint8.
    """
    height, width = images.shape[2:]
    if height <= 2 or width <= 2:
        return images
    level = images.float()
    # Sums of whole numbers: exact in float32, so the order of addition does not matter.
    rows = level[:, :, :-2] + level[:, :, 1:-1] + level[:, :, 2:]
    box = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    inner = level[:, :, 1:-1, 1:-1]
    smooth = ((box + 4.0 * inner) / 13.0).round()
    sharp = inner + (smooth - inner) * -offset[:, None, None, None]
    sharp = sharp.clamp(0, 255).to(torch.uint8)
    out = images.clone()
    out[:, :, 1:-1, 1:-1] = sharp
    return out


def blur(
    images: torch.Tensor, chosen: torch.Tensor, sigma: torch.Tensor, kernel_size: int
) -> torch.Tensor:
    """Separable Gaussian blur with mirrored borders, as torchvision's gaussian_blur.

    Args:
        images: (B, C, H, W) uint8; one smaller than half the kernel is mirrored again and again.
        chosen: (B,) bool, which images to blur.
        sigma: (B,) float32 in pixels.
        kernel_size: odd side of the kernel in pixels.

    Returns:
        (B, C, H, W) uint8.
    """
    batch, channels, height, width = images.shape
    radius = kernel_size // 2
    weights = gaussian(torch.where(chosen, sigma, 1.0), kernel_size)
    weights = weights.repeat_interleave(channels, 0)[:, None]
    # One group per image and channel: every image has its own kernel in one call.
    if radius < min(height, width):
        planes = F.pad(images.float(), (radius, radius, radius, radius), mode="reflect")
    else:  # more than F.pad can mirror
        rows, columns = (_mirrored(side, radius, images.device) for side in (height, width))
        planes = images.float()[:, :, rows][..., columns]
    planes = planes.reshape(1, batch * channels, height + 2 * radius, width + 2 * radius)
    planes = F.conv2d(planes, weights[:, :, None, :], groups=batch * channels)
    planes = F.conv2d(planes, weights[:, :, :, None], groups=batch * channels)
    blurred = planes.view(images.shape).round().clamp(0, 255).to(torch.uint8)
    return torch.where(chosen[:, None, None, None], blurred, images)


def _mirrored(side: int, radius: int, device: torch.device) -> torch.Tensor:
    """(side + 2 * radius,) int64: which of `side` pixels lies at each place from -radius on."""
    period = max(2 * (side - 1), 1)
    at = torch.arange(-radius, side + radius, device=device).abs() % period
    return torch.minimum(at, (2 * (side - 1) - at).abs())


def gaussian(sigma: torch.Tensor, kernel_size: int) -> torch.Tensor:
    """(B, kernel_size) float32 weights that sum to 1."""
    limit = (kernel_size - 1) / (2.0 * math.sqrt(2.0))
    at = torch.linspace(-limit, limit, kernel_size, dtype=sigma.dtype, device=sigma.device)
    return torch.softmax(-((at / sigma[:, None]) ** 2), 1)
