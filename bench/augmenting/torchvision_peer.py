"""The same augmentation by torchvision v2: image by image, a process per core, or whole batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.multiprocessing

from headrace.bench.augmenting.works import MEAN, NUM_CLASSES, STD, WORK, Work


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


def one_draw_per_batch(work: Work, images: torch.Tensor, labels: torch.Tensor) -> Callable[[], Any]:
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

    def __exit__(self, *_: object) -> None:
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
