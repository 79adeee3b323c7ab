"""DALI's file reader and fused decode-and-crop, as its image classification examples do it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.pipeline.errors import MissingPackageError


def open_source(job: Job) -> Source:
    """A DALI pipeline on the folder: on the CPU, or with GPU decoding if the device is one.

    Raises:
        MissingPackageError: if DALI is not installed.
    """
    try:
        from nvidia.dali import fn, pipeline_def, types
        from nvidia.dali.plugin.pytorch import DALIClassificationIterator, LastBatchPolicy
    except ImportError as error:
        reason = f"DALI cannot be imported ({error}): install nvidia-dali-cuda120"
        raise MissingPackageError(reason) from None
    device = torch.device(job.device)
    gpu = device.type == "cuda"
    files, labels = labelled_files(job)

    @pipeline_def
    def pipe() -> tuple[Any, Any]:
        encoded, label = fn.readers.file(
            files=files,
            labels=labels,
            random_shuffle=True,
            name="Reader",
        )
        images = fn.decoders.image_random_crop(
            encoded,
            device="mixed" if gpu else "cpu",
            output_type=types.RGB,
            random_area=list(job.crop_scale),
            random_aspect_ratio=[3 / 4, 4 / 3],
            num_attempts=100,
        )
        images = fn.resize(images, size=[job.size, job.size], interp_type=types.INTERP_LINEAR)
        return fn.flip(images, horizontal=fn.random.coin_flip(probability=0.5)), label

    built = pipe(
        batch_size=job.batch_size,
        num_threads=max(1, job.workers),
        device_id=(device.index or 0) if gpu else None,
        seed=job.seed,
    )
    built.build()
    return DaliSource(
        DALIClassificationIterator(
            built,
            reader_name="Reader",
            last_batch_policy=LastBatchPolicy.PARTIAL,
            auto_reset=True,
        )
    )


def labelled_files(job: Job) -> tuple[list[str], list[int]]:
    """The folder's files, as often as an epoch has them, and the number of each one's class."""
    files = sorted(str(f) for f in Path(job.path).glob("*/*"))
    folders = sorted({Path(f).parent for f in files})
    labels = [folders.index(Path(f).parent) for f in files]
    return files * job.repeat, labels * job.repeat


class DaliSource:
    """DALI's PyTorch iterator as a source."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def epoch(self, number: int) -> Iterator[int]:
        for (batch,) in self._batches:
            yield len(batch["label"])

    def close(self) -> None:
        self._batches = None
