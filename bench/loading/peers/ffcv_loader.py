"""FFCV's own Loader with its own random crop, as its ImageNet example sets it up."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.pipeline.errors import MissingPackageError
from headrace.pipeline.records import Records


def open_source(job: Job) -> Source:
    """FFCV's Loader on our file.

    Raises:
        MissingPackageError: if ffcv is not installed.
    """
    try:
        from ffcv.fields.basics import IntDecoder
        from ffcv.fields.rgb_image import RandomResizedCropRGBImageDecoder
        from ffcv.loader import Loader, OrderOption
        from ffcv.transforms import (
            RandomHorizontalFlip,
            Squeeze,
            ToDevice,
            ToTensor,
            ToTorchImage,
        )
    except ImportError as error:
        reason = f"ffcv cannot be imported ({error}): install headrace[ffcv]"
        raise MissingPackageError(reason) from None
    with Records.open(job.path) as records:
        span = records.split(job.split)
    device = torch.device(job.device)
    crop = RandomResizedCropRGBImageDecoder((job.size, job.size), scale=job.crop_scale)
    # On the CPU ToDevice would only copy each batch once more.
    moved = [ToDevice(device, non_blocking=True)] if device.type != "cpu" else []
    image = [crop, RandomHorizontalFlip(), ToTensor(), *moved]
    label = [IntDecoder(), ToTensor(), Squeeze(), *moved]
    loader = Loader(
        job.path,
        batch_size=job.batch_size,
        num_workers=job.workers,
        os_cache=True,
        order=OrderOption.RANDOM,
        indices=range(span.start, span.stop),
        drop_last=False,
        pipelines={"image": [*image, ToTorchImage()], "label": label},
    )
    return FfcvSource(loader)


class FfcvSource:
    """FFCV's Loader as a source."""

    def __init__(self, loader: object) -> None:
        self._loader = loader

    def epoch(self, number: int) -> Iterator[int]:
        for images, _ in self._loader:  # type: ignore[attr-defined]
            yield len(images)

    def close(self) -> None:
        self._loader = None
