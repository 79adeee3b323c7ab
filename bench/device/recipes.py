"""Images/s of every recipe on the device, eager, beside Kornia's, torchvision's and DALI's.

What draws once for a whole batch does less work and says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

from headrace.augment import RECIPES, build_augmenter
from headrace.bench.augmenting.compare_engines import photos
from headrace.bench.augmenting.peers import PEERS
from headrace.bench.augmenting.torchvision_peer import one_draw_per_batch
from headrace.bench.augmenting.works import NUM_CLASSES, WORK
from headrace.bench.device.job import Job, Row, failed_row, speed_row
from headrace.bench.device.timing import images_per_s
from headrace.pipeline.errors import MissingPackageError
from headrace.pipeline.installed import is_installed

PEER_PARTS = ("torchvision", "kornia", "kornia auto", "dali auto")
_PACKAGES = {"kornia": "kornia", "kornia auto": "kornia", "dali auto": "nvidia.dali"}
_NOTES = dict.fromkeys(("torchvision", "kornia auto"), "unequal work: one draw per batch")


def parts(job: Job) -> list[str]:
    return ["ours", *PEER_PARTS]


def run(part: str, job: Job) -> Iterator[Row]:
    """Images/s of each recipe at each size.

    Raises:
        MissingPackageError: of a part whose package is not there.
    """
    check_installed(part)
    warnings.simplefilter("ignore")
    for size in job.sizes:
        images, labels = batch_of(job, size)
        for name, call in _calls(part, images, labels).items():
            what = f"{part}: {name}, {size} px"
            try:
                speed = images_per_s(call, len(images), job)
            except Exception as error:  # whatever a peer raises on a device
                yield failed_row(what, error)
                continue
            yield speed_row(what, speed.median, speed.iqr, note=_NOTES.get(part, ""))


def batch_of(job: Job, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels on the device."""
    images = photos(job.batch_size, size).to(job.device)
    return images, (torch.arange(job.batch_size) % NUM_CLASSES).to(job.device)


def check_installed(part: str) -> None:
    """Refuses a part whose package is not there.

    Raises:
        MissingPackageError: naming it.
    """
    package = _PACKAGES.get(part)
    if package is not None and not is_installed(package):
        raise MissingPackageError(f"{part.split()[0]} is not installed")


def _calls(part: str, images: torch.Tensor, labels: torch.Tensor) -> dict[str, Callable[[], Any]]:
    if part == "ours":
        return {name: ours(name, images, labels) for name in RECIPES}
    return peer_calls(part, images, labels)


def peer_calls(
    part: str, images: torch.Tensor, labels: torch.Tensor
) -> dict[str, Callable[[], Any]]:
    """What a peer can do of the works, by their names."""
    found = {}
    for work in WORK:
        if work.stage or work.name == "augmix":
            continue
        if part == "torchvision":
            found[work.name] = one_draw_per_batch(work, images, labels)
        elif (call := PEERS[part](work, images, labels)) is not None:
            found[work.name] = call
    return found


def ours(
    name: str, images: torch.Tensor, labels: torch.Tensor, compile: bool = False
) -> Callable[[], Any]:
    """Our augmenter on the batch, as in training: half precision where there is a GPU."""
    dtype = torch.bfloat16 if images.is_cuda else torch.float32
    augmenter = build_augmenter(
        name,
        num_classes=NUM_CLASSES,
        device=images.device,
        dtype=dtype,
        compile=compile,
        kernels=False,
    )
    return lambda: augmenter(images, labels)
