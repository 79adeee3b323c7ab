"""What is measured: each work, and how each engine is told to do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NUM_CLASSES = 11


@dataclass(frozen=True, kw_only=True)
class Work:
    """One thing to do, and how each engine is told to do it.

    Attributes:
        name: of the work.
        recipe: ours, a name or a list.
        torchvision: names of the transforms in torchvision_peer.py, or None.
        kornia: names of the transforms in kornia_peer.py, or None.
        stage: measured on its own rather than as a recipe.
    """

    name: str
    recipe: Any
    torchvision: tuple[str, ...] | None = ()
    kornia: tuple[str, ...] | None = None
    stage: bool = False


_JITTER = {"op": "jitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
WORK = (
    Work(name="normalise", recipe="none", kornia=()),
    Work(name="flip", recipe="flip", torchvision=("flip",), kornia=("flip",)),
    Work(
        name="report",
        recipe="report",
        torchvision=("rotate", "jitter", "cutout", "mixup"),
        kornia=("rotate", "jitter", "cutout", "mixup"),
    ),
    Work(name="trivial", recipe="trivial", torchvision=("trivial",), kornia=("auto trivial",)),
    Work(name="rand", recipe="rand", torchvision=("rand",), kornia=("auto rand",)),
    Work(
        name="auto-imagenet",
        recipe="auto-imagenet",
        torchvision=("auto",),
        kornia=("auto imagenet",),
    ),
    Work(name="augmix", recipe="augmix", torchvision=("augmix",)),
    Work(
        name="rotate",
        recipe=[{"op": "rotate", "degrees": 30}],
        torchvision=("rotate",),
        kornia=("rotate",),
        stage=True,
    ),
    Work(name="jitter", recipe=[_JITTER], torchvision=("jitter",), kornia=("jitter",), stage=True),
    Work(
        name="equalize",
        recipe=[{"op": "equalize", "p": 1.0}],
        torchvision=("equalize",),
        kornia=("equalize",),
        stage=True,
    ),
    Work(
        name="sharpness",
        recipe=[{"op": "sharpness", "factor": [1.5, 1.5]}],
        torchvision=("sharpness",),
        kornia=("sharpness",),
        stage=True,
    ),
    Work(
        name="blur",
        recipe=[{"op": "blur", "kernel": 9, "p": 1.0}],
        torchvision=("blur",),
        kornia=("blur",),
        stage=True,
    ),
    Work(
        name="erasing",
        recipe=[{"op": "erasing", "p": 0.5}],
        torchvision=("erasing",),
        kornia=("erasing",),
        stage=True,
    ),
    Work(name="mixup", recipe=["mixup"], torchvision=("mixup",), kornia=("mixup",), stage=True),
)
