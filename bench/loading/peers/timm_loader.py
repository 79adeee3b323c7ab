"""timm's create_loader with its default prefetcher, without augmentation beyond crop and flip."""

from __future__ import annotations

from typing import Any

import torch

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.bench.loading.peers.image_folder import DataLoaderSource
from headrace.pipeline.errors import MissingPackageError


def open_source(job: Job) -> Source:
    """timm's training loader as a source.

    Raises:
        MissingPackageError: if timm is not installed.
    """
    return DataLoaderSource(training_loader(job), job.device)


def training_loader(job: Job) -> Any:
    """timm's training loader; its prefetcher also normalises, in the training process.

    Raises:
        MissingPackageError: if timm is not installed.
    """
    try:
        from timm.data import create_dataset, create_loader
    except ImportError as error:
        raise MissingPackageError(
            f'timm cannot be imported ({error}): pip install "headrace[timm]"'
        ) from None
    dataset = create_dataset("", root=job.path, split="train", is_training=True)
    dataset.reader.samples = list(dataset.reader.samples) * job.repeat
    return create_loader(
        dataset,
        input_size=(3, job.size, job.size),
        batch_size=job.batch_size,
        is_training=True,
        num_workers=job.workers,
        scale=job.crop_scale,
        ratio=(3 / 4, 4 / 3),
        hflip=0.5,
        color_jitter=None,
        interpolation="bilinear",
        pin_memory=job.device != "cpu",
        device=torch.device(job.device),
    )
