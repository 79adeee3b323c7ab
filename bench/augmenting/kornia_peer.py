"""The same augmentation as users of Kornia would write it: eager, compiled, and its policies."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch

from headrace.bench.augmenting.works import MEAN, STD, Work
from headrace.pipeline.installed import is_installed

Call = Callable[[], Any]

_JITTER_ORDER = (0, 1, 2, 3)
"""Brightness, contrast, saturation, hue. Kornia draws an order for a whole batch, but only a fixed
one compiles without a break, says its documentation; as much is computed."""


def kornia(work: Work, images: torch.Tensor, labels: torch.Tensor) -> Call | None:
    """Kornia's AugmentationSequential on the batch: each image draws its own parameters."""
    steps = _steps(work)
    if steps is None:
        return None
    sequence, mixup = _sequence(steps), _mixup(steps)

    def call() -> Any:
        with torch.no_grad():
            out = sequence(images.float() / 255.0)
            return mixup(out, labels) if mixup else out

    return call


def kornia_compiled(work: Work, images: torch.Tensor, labels: torch.Tensor) -> Call | None:
    """The same under `torch.compile`, from bytes to the normalised batch; mixup stays outside.

    What breaks the graph is run between compiled parts as it is, as torch does by default.
    """
    steps = _steps(work)
    if steps is None:
        return None
    sequence, mixup = _sequence(steps, jitter_order=_JITTER_ORDER), _mixup(steps)
    compiled = torch.compile(lambda given: sequence(given.float() / 255.0), dynamic=False)

    def call() -> Any:
        with torch.no_grad():
            out = compiled(images)
            return mixup(out, labels) if mixup else out

    return call


def kornia_auto(work: Work, images: torch.Tensor, labels: torch.Tensor) -> Call | None:
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


def _steps(work: Work) -> Sequence[str] | None:
    """The names of a work's transforms; None if it is a policy or not for Kornia."""
    steps = work.kornia
    if steps is None or any(step.startswith("auto") for step in steps):
        return None
    return steps if is_installed("kornia") else None


def _sequence(
    steps: Sequence[str], jitter_order: tuple[int, int, int, int] | None = None
) -> torch.nn.Module:
    """The transforms of these names and the normalisation, mixup left out."""
    import kornia.augmentation as K

    known: dict[str, Callable[[], torch.nn.Module]] = {
        "flip": lambda: K.RandomHorizontalFlip(p=0.5),
        "rotate": lambda: K.RandomRotation(30.0, p=1.0),
        "jitter": lambda: K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=1.0, order=jitter_order),
        # A quarter of the side squared, as a share of the area: 1/16.
        "cutout": lambda: K.RandomErasing((1 / 16, 1 / 16), (1.0, 1.0), value=0.45, p=1.0),
        "equalize": lambda: K.RandomEqualize(p=1.0),
        "sharpness": lambda: K.RandomSharpness((0.5, 0.5), p=1.0),
        "blur": lambda: K.RandomGaussianBlur((9, 9), (0.1, 2.0), p=1.0),
        "erasing": lambda: K.RandomErasing((0.02, 0.33), (0.3, 3.3), value=0.45, p=0.5),
    }
    normalise = K.Normalize(torch.tensor(MEAN), torch.tensor(STD))
    chosen = [known[step]() for step in steps if step != "mixup"]
    return K.AugmentationSequential(*chosen, normalise, data_keys=["input"])


def _mixup(steps: Sequence[str]) -> torch.nn.Module | None:
    import kornia.augmentation as K

    return K.RandomMixUpV2(p=1.0, data_keys=["input", "class"]) if "mixup" in steps else None
