"""DALI's dynamic mode: the file reader and the fused decode-and-crop, called from a Python loop.

The loop is captured: after its first step DALI runs what it saw as a pipeline that works two
batches ahead, which its documentation offers for speed; without it nothing is done ahead. The
reader fills an epoch's last batch up with images of the next. Source of the interface: NVIDIA DALI,
`nvidia.dali.experimental.dynamic`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.bench.loading.peers.dali_reader import labelled_files
from headrace.pipeline.errors import MissingPackageError


def open_source(job: Job) -> Source:
    """A reader of the folder, and the loop over it: decoding on the job's device.

    Raises:
        MissingPackageError: if DALI is not installed, or has no captured loops.
    """
    try:
        import nvidia.dali.experimental.dynamic as ndd
    except ImportError as error:
        reason = f"DALI's dynamic mode cannot be imported ({error}): install headrace[dali]"
        raise MissingPackageError(reason) from None
    if not hasattr(ndd, "capture"):
        reason = "this DALI's dynamic mode captures no loops: install nvidia-dali-cuda120>=2.4"
        raise MissingPackageError(reason)
    return DaliDynamicSource(ndd, job)


class DaliDynamicSource:
    """A captured loop as a source."""

    def __init__(self, ndd: Any, job: Job) -> None:
        self._ndd, self._job = ndd, job
        self._gpu = torch.device(job.device).type == "cuda"
        self._reader: Any = None
        ndd.set_num_threads(max(1, job.workers))
        ndd.random.set_seed(job.seed)

    def epoch(self, number: int) -> Iterator[int]:
        # A reader whose epoch was left early cannot begin another: it is made again.
        reader = self._reader or self._new_reader()
        self._reader = None
        for encoded, labels in reader.next_epoch(batch_size=self._job.batch_size, capture=True):
            images, _ = self._images(encoded).torch(), labels.torch()
            yield len(images)
        self._reader = reader

    def close(self) -> None:
        self._reader = None

    def _new_reader(self) -> Any:
        files, labels = labelled_files(self._job)
        return self._ndd.readers.File(
            files=files, labels=labels, random_shuffle=True, seed=self._job.seed
        )

    def _images(self, encoded: Any) -> Any:
        """(B, S, S, 3) uint8 of encoded bytes."""
        ndd, job = self._ndd, self._job
        images = ndd.decoders.image_random_crop(
            encoded,
            device="gpu" if self._gpu else "cpu",
            random_area=list(job.crop_scale),
            random_aspect_ratio=[3 / 4, 4 / 3],
            num_attempts=100,
        )
        images = ndd.resize(images, size=[job.size, job.size], interp_type=_linear())
        flipped = ndd.random.coin_flip(batch_size=job.batch_size, probability=0.5, device="cpu")
        return ndd.flip(images, horizontal=flipped)


def _linear() -> Any:
    from nvidia.dali import types

    return types.INTERP_LINEAR
