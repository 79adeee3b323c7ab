"""Images of classes by number, from a generator and a seed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from headrace.train.generating.kind import Generator, as_pixels
from headrace.train.generating.noise import noise_of

BATCH = 64


def images_of(
    generator: Generator,
    wanted: Sequence[tuple[int, int]],
    *,
    seed: int,
    guidance: float,
    steps: int,
    device: torch.device,
) -> Tensor:
    """Draws images; the same label, number and seed give the same, up to how sums are rounded in
    batches of another length.

    Args:
        generator: what draws.
        wanted: label and number of each image.
        seed, guidance, steps: as of draw_settings.py.
        device: of the generator.

    Returns:
        (N, 3, S, S) uint8, on the CPU.
    """
    parts = []
    for start in range(0, len(wanted), BATCH):
        some = wanted[start : start + BATCH]
        noise = torch.cat(
            [noise_of(seed, label, range(n, n + 1), generator.noise_shape) for label, n in some]
        )
        labels = torch.tensor([label for label, _ in some], device=device)
        made = generator.draw(noise.to(device), labels, guidance, steps)
        parts.append(as_pixels(made).cpu())
    return torch.cat(parts)
