"""The engines of others that take a whole batch in this process, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from headrace.bench.augmenting.dali_auto import dali_auto
from headrace.bench.augmenting.kornia_peer import kornia, kornia_auto, kornia_compiled
from headrace.bench.augmenting.works import MEAN, STD, Work
from headrace.pipeline.installed import is_installed

Call = Callable[[], Any]
Build = Callable[[Work, torch.Tensor, torch.Tensor], Call | None]


def _albumentations(work: Work, images: torch.Tensor, labels: torch.Tensor) -> Call | None:
    """albumentations, image by image in this process, where installed; for two of the works."""
    steps = work.torchvision or ()
    if work.name not in ("normalise", "flip") or not is_installed("albumentations"):
        return None
    import albumentations as A

    chosen = [A.HorizontalFlip(p=0.5)] if "flip" in steps else []
    transform = A.Compose([*chosen, A.Normalize(MEAN, STD)])
    arrays = [image.permute(1, 2, 0).contiguous().numpy() for image in images]

    def call() -> Any:
        done = [transform(image=array)["image"] for array in arrays]
        return torch.from_numpy(np.stack(done)).permute(0, 3, 1, 2)

    return call


PEERS: dict[str, Build] = {
    "kornia": kornia,
    "kornia auto": kornia_auto,
    "albumentations": _albumentations,
    "dali auto": dali_auto,
}
"""Engines that take the whole batch in this process; each gives None for work that it cannot do."""

COMPILED_PEERS: dict[str, Build] = {"kornia, compiled": kornia_compiled}
"""Those that compile first, which takes minutes."""
