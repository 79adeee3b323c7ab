"""Flow matching: a network learns the velocity that carries noise to images along straight lines.

After Lipman et al., "Flow matching for generative modeling", ICLR 2023, and Liu et al., "Flow
straight and fast", ICLR 2023; times are drawn as in Esser et al., "Scaling rectified flow
transformers for high-resolution image synthesis", ICML 2024; classes are left out now and then for
classifier-free guidance (Ho and Salimans, 2022).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Velocity = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(B, 3, S, S) images, (B,) times, (B,) int64 classes to (B, 3, S, S) velocities."""


def flow_loss(velocity: Velocity, images: Tensor, labels: Tensor, none: int, drop: float) -> Tensor:
    """The mean squared error of the velocity at random times, with torch's random numbers.

    Args:
        velocity: the network.
        images: (B, 3, S, S) float32 in -1..1.
        labels: (B,) int64.
        none: the label that stands for no class.
        drop: share of labels that are left out.
    """
    noise = torch.randn_like(images)
    times = torch.sigmoid(torch.randn(len(images), device=images.device))
    dropped = torch.rand(len(images), device=images.device) < drop
    labels = torch.where(dropped, torch.full_like(labels, none), labels)
    share = times[:, None, None, None]
    said = velocity(noise + share * (images - noise), times, labels)
    return functional.mse_loss(said.float(), images - noise)


@torch.no_grad()
def carried(
    velocity: Velocity, noise: Tensor, labels: Tensor, none: int, guidance: float, steps: int
) -> Tensor:
    """Noise carried to images by Heun's method.

    Args:
        velocity: the network.
        noise: (B, 3, S, S) float32, normal.
        labels: (B,) int64.
        none: the label that stands for no class.
        guidance: how many times the way from no class to the class is gone; 1 is the class' own
            velocity, 0 that of no class.
        steps: of equal length, two evaluations of the network each but for the last.

    Returns:
        (B, 3, S, S) float32, about -1..1.
    """

    def guided(x: Tensor, time: float) -> Tensor:
        times = torch.full((len(x),), time, device=x.device)
        if guidance == 1:
            return velocity(x, times, labels).float()
        both = torch.cat([labels, torch.full_like(labels, none)])
        own, plain = velocity(x.repeat(2, 1, 1, 1), times.repeat(2), both).float().chunk(2)
        return plain + guidance * (own - plain)

    x, length = noise, 1 / steps
    for number in range(steps):
        time = number * length
        here = guided(x, time)
        ahead = x + length * here
        last = number == steps - 1
        x = ahead if last else x + length * (here + guided(ahead, time + length)) / 2
    return x
