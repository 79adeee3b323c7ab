"""The same augmentation as others' users would write it: torchvision v2, Kornia, albumentations."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import torch
import torch.multiprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NUM_CLASSES = 11
Call = Callable[[], Any]


@dataclass(frozen=True, kw_only=True)
class Work:
    """One thing to do, and how each engine is told to do it.

    Attributes:
        name: of the work.
        recipe: ours, a name or a list.
        torchvision: names of the transforms in `_torchvision`, or None.
        kornia: names of the transforms in `_kornia`, or None.
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


class _Cutout(torch.nn.Module):
    """A square hole of a quarter of the side, filled with the mean, as `report` cuts it."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        half = height // 8
        y, x = int(torch.randint(height, ())), int(torch.randint(width, ()))
        image = image.clone()
        hole = image[..., max(0, y - half) : y + half, max(0, x - half) : x + half]
        hole.copy_(torch.tensor(MEAN).mul(255).to(torch.uint8)[:, None, None])
        return image


def _torchvision(steps: Sequence[str]) -> Callable[[torch.Tensor], torch.Tensor]:
    """(3, H, W) or (B, 3, H, W) uint8 to normalised float32; one draw per call."""
    from torchvision.transforms import v2

    bilinear = v2.InterpolationMode.BILINEAR
    known: dict[str, Callable[[], torch.nn.Module]] = {
        "flip": v2.RandomHorizontalFlip,
        "rotate": lambda: v2.RandomRotation(30, interpolation=bilinear),
        "jitter": lambda: v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
        "cutout": _Cutout,
        "trivial": v2.TrivialAugmentWide,
        "rand": v2.RandAugment,
        "auto": v2.AutoAugment,
        "augmix": v2.AugMix,
        "equalize": lambda: v2.RandomEqualize(p=1.0),
        "sharpness": lambda: v2.RandomAdjustSharpness(1.5, p=1.0),
        "blur": lambda: v2.GaussianBlur(9, (0.1, 2.0)),
        "erasing": lambda: v2.RandomErasing(p=0.5, value=[124, 116, 104]),
    }
    chosen = [known[step]() for step in steps if step != "mixup"]
    return v2.Compose(
        [*chosen, v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD, inplace=True)]
    )


def one_draw_per_batch(work: Work, images: torch.Tensor, labels: torch.Tensor) -> Call:
    """torchvision's transforms called on the whole batch: the same draw for every image."""
    from torchvision.transforms import v2

    steps = work.torchvision or ()
    transform = _torchvision(steps)
    mixup = v2.MixUp(num_classes=NUM_CLASSES) if "mixup" in steps else None

    def call() -> Any:
        out = transform(images)
        return mixup(out, labels) if mixup else out

    return call


class Workers:
    """One process per core, each with its share of a batch and torchvision's transforms.

    Images reach them once, through shared memory; results stay there, as is generous.
    """

    def __init__(self, images: torch.Tensor, count: int, works: Sequence[str]) -> None:
        from torchvision.transforms import v2

        context = torch.multiprocessing.get_context("spawn")
        self._images = images
        self._mixup = v2.MixUp(num_classes=NUM_CLASSES)
        self._labels = torch.arange(len(images)) % NUM_CLASSES
        self._out = torch.zeros(images.shape).share_memory_()
        shared = images.contiguous().share_memory_()
        self._pipes, self._processes = [], []
        steps = {w.name: w.torchvision for w in WORK if w.name in works}
        for part in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, shared, self._out, part, count, steps), daemon=True
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        self._steps = steps

    def run(self, work: str) -> torch.Tensor:
        """Every image through the transforms of a work, each with its own draw."""
        for pipe in self._pipes:
            pipe.send(work)
        for pipe in self._pipes:
            pipe.recv()
        if "mixup" in (self._steps[work] or ()):
            return self._mixup(self._out, self._labels)[0]
        return self._out

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.close()
            process.join(10)
            if process.is_alive():
                process.terminate()


def _serve(
    pipe: Any,
    images: torch.Tensor,
    out: torch.Tensor,
    part: int,
    count: int,
    steps: dict[str, Sequence[str]],
) -> None:
    """A worker: transforms its share whenever a work is named, until the pipe closes."""
    torch.set_num_threads(1)
    transforms = {name: _torchvision(chosen or ()) for name, chosen in steps.items()}
    mine = range(part, len(images), count)
    while True:
        try:
            transform = transforms[pipe.recv()]
        except (EOFError, KeyboardInterrupt):
            return
        for i in mine:
            out[i] = transform(images[i])
        pipe.send(None)


def _kornia(work: Work, images: torch.Tensor, labels: torch.Tensor) -> Call | None:
    """Kornia's AugmentationSequential on the batch: each image draws its own parameters."""
    steps = work.kornia
    if steps is None or any(step.startswith("auto") for step in steps):
        return None
    if importlib.util.find_spec("kornia") is None:
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
    if importlib.util.find_spec("kornia") is None:
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
    if work.name not in ("normalise", "flip") or not importlib.util.find_spec("albumentations"):
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
}
"""Engines that take the whole batch in this process; each gives None for work that it cannot do."""
