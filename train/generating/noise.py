"""The random numbers of each drawn image, which depend on nothing but seed, class and number."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_STREAM = 200  # of its own among what is drawn for generated images


def noise_of(seed: int, label: int, numbers: range, shape: tuple[int, ...]) -> Tensor:
    """Normal numbers by Box and Muller from Philox4x64.

    Args:
        seed: of the drawing.
        label: of the class.
        numbers: which of the class' images, each from 0.
        shape: of one image's numbers.

    Returns:
        (len(numbers), *shape) float32, on the CPU.
    """
    count = int(np.prod(shape))
    return torch.stack([_one(seed, label, number, count).reshape(shape) for number in numbers])


def _one(seed: int, label: int, number: int, count: int) -> Tensor:
    counter = np.array([0, number, label, _STREAM], np.uint64)
    key = np.array([seed, _STREAM], np.uint64)
    pairs = (count + 1) // 2
    raw = np.random.Philox(counter=counter, key=key).random_raw(2 * pairs)
    uniform = ((raw >> np.uint64(11)) + np.uint64(1)) * 2.0**-53  # above 0 and at most 1
    radius, angle = np.sqrt(-2 * np.log(uniform[:pairs])), 2 * np.pi * uniform[pairs:]
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return torch.from_numpy(both[:count].astype(np.float32))
