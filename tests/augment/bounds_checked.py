"""Every recipe's kernels on images of odd sizes; run it with numba's bounds checks on.

NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=DIR python -m tests.augment.bounds_checked [CALLS]
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch

from headrace.augment import RECIPES, Preprocess, build_augmenter
from headrace.pipeline.jit import compiled
from tests.promises.test_nosync import EXTRA

SHAPES = ((8, 32, 48), (3, 7, 1), (5, 1, 9), (2, 1, 1), (4, 65, 33))


@compiled()
def write(array: np.ndarray, place: int) -> None:
    """Shows that the checks are on."""
    array[place] = 1


def main(calls: int) -> None:
    try:
        write(np.zeros(4), 4)
    except IndexError:
        pass
    else:
        raise SystemExit("the bounds checks are off")
    everything: dict[str, Any] = {**{name: name for name in RECIPES}, **EXTRA}
    for name, recipe in everything.items():
        augmenter = build_augmenter(
            recipe,
            num_classes=5,
            preprocess=Preprocess(size=32, mean=(0.5,) * 3, std=(0.2,) * 3),
            device="cpu",
        )
        for count, height, width in SHAPES:
            for _ in range(calls):
                images = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)
                augmenter(images, torch.arange(count) % 5)
        print(name)
    print("every recipe stayed inside")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
