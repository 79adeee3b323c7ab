"""The same augmentation as users of Kornia and albumentations would write it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from headrace.bench.augmenting.dali_auto import dali_auto
from headrace.bench.augmenting.works import MEAN, STD, Work
from headrace.pipeline.installed import is_installed

Call = Callable[[], Any]


def _kornia(work: Work, images: torch.Tensor, labels: torch.Tensor) -> Call | None:
    """Kornia's AugmentationSequential on the batch: each image draws its own parameters."""
    steps = work.kornia
    if steps is None or any(step.startswith("auto") for step in steps):
        return None
    if not is_installed("kornia"):
        return None
    import kornia.augmentation as K

    known: dict[str, Callable[[], torch.nn.Module]] = {
        "flip": lambda: K.RandomHorizontalFlip(p=0.5),
        "rotate": lambda: K.RandomRotation(30.0, p=1.0),
        "jitter": lambda: K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=1.0),
        # A quarter of the side squared, as a share of the area: 1/16.
        "cutout": lambda: K.RandomErasing((1 / 16, 1 / 16), (1.0, 1.0), value=0.45, p=1.0),
        "equalize": lambda: K.RandomEqualize(p=1.0),
        "sharpness": lambda: K.RandomSharpness((0.5, 0.5), p=1.0),
        "blur": lambda: K.RandomGaussianBlur((9, 9), (0.1, 2.0), p=1.0),
        "erasing": lambda: K.RandomErasing((0.02, 0.33), (0.3, 3.3), value=0.45, p=0.5),
    }
    normalise = K.Normalize(torch.tensor(MEAN), torch.tensor(STD))
    chosen = [known[step]() for step in steps if step != "mixup"]
    sequence = K.AugmentationSequential(*chosen, normalise, data_keys=["input"])
    mixup = K.RandomMixUpV2(p=1.0, data_keys=["input", "class"]) if "mixup" in steps else None

    def call() -> Any:
        with torch.no_grad():
            out = sequence(images.float() / 255.0)
            return mixup(out, labels) if mixup else out

    return call


def _kornia_auto(work: Work, images: torch.Tensor, labels: torch.Tensor) -> Call | None:
    """Kornia's policies, which draw one operation for the whole batch."""
    steps = work.kornia or ()
    if not any(step.startswith("auto") for step in steps):
        return None
    if not is_installed("kornia"):
        return None
    import kornia.augmentation as K
    from kornia.augmentation import auto

    known: dict[str, Callable[[], torch.nn.Module]] = {
        "auto trivial": auto.TrivialAugment,
        "auto rand": lambda: auto.RandAugment(n=2, m=9),
        "auto imagenet": lambda: auto.AutoAugment("imagenet"),
    }
    sequence = K.AugmentationSequential(
        known[steps[0]](), K.Normalize(torch.tensor(MEAN), torch.tensor(STD)), data_keys=["input"]
    )

    def call() -> Any:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return sequence(images.float() / 255.0)

    return call


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


PEERS: dict[str, Callable[[Work, torch.Tensor, torch.Tensor], Call | None]] = {
    "kornia": _kornia,
    "kornia auto": _kornia_auto,
    "albumentations": _albumentations,
    "dali auto": dali_auto,
}
"""Engines that take the whole batch in this process; each gives None for work that it cannot do."""
