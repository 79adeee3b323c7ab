"""torchvision's ImageFolder and torch's DataLoader: PIL images, or tensors and transforms v2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from headrace.bench.loading.loader_under_test import Job, Source


def open_source(job: Job) -> Source:
    """`torchvision-pil` or `torchvision-v2`, by the job's name."""
    if job.name.endswith("v2"):
        dataset = ImageFolder(job.path, transform=tensor_transform(job), loader=_read_tensor)
        dataset.samples = dataset.samples * job.repeat
        return DataLoaderSource(training_loader(dataset, job), job.device)
    return DataLoaderSource(folder_loader(job, pil_transform(job)), job.device)


def folder_loader(
    job: Job, transform: Callable[[Any], torch.Tensor], drop_last: bool = False
) -> DataLoader:
    """A DataLoader of an ImageFolder's PIL images."""
    dataset = ImageFolder(job.path, transform=transform)
    dataset.samples = dataset.samples * job.repeat
    return training_loader(dataset, job, drop_last)


def pil_transform(job: Job) -> Callable[[Any], torch.Tensor]:
    """Random resized crop and flip of a PIL image, to a (3, S, S) uint8 tensor."""
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(job.size, scale=job.crop_scale),
            transforms.RandomHorizontalFlip(),
            transforms.PILToTensor(),
        ]
    )


def float_transform(job: Job) -> Callable[[Any], torch.Tensor]:
    """The same, to a (3, S, S) float32 tensor, normalised by ImageNet's mean and deviation."""
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(job.size, scale=job.crop_scale),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )


def tensor_transform(job: Job) -> Callable[[Any], torch.Tensor]:
    """Random resized crop and flip of a (3, H, W) uint8 tensor, to a (3, S, S) one."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(job.size, scale=job.crop_scale, antialias=True),
            v2.RandomHorizontalFlip(),
        ]
    )


def _read_tensor(path: str) -> torch.Tensor:
    """By torchvision's own decoder, deprecated since 0.29; its successor is a peer by itself."""
    from torchvision.io import ImageReadMode, decode_image

    return decode_image(path, mode=ImageReadMode.RGB)


def training_loader(dataset: Any, job: Job, drop_last: bool = False) -> DataLoader:
    """A DataLoader with the settings of torch's performance guide."""
    return DataLoader(
        dataset,
        batch_size=job.batch_size,
        shuffle=True,
        num_workers=job.workers,
        pin_memory=job.device != "cpu",
        persistent_workers=job.workers > 0,
        drop_last=drop_last,
    )


class DataLoaderSource:
    """Any iterable of (images, labels) batches as a source."""

    def __init__(self, batches: Any, device: str) -> None:
        self._batches = batches
        self._device = torch.device(device)

    def epoch(self, number: int) -> Iterator[int]:
        for images, _ in self._batches:
            yield len(images.to(self._device, non_blocking=True))

    def close(self) -> None:
        self._batches = None
