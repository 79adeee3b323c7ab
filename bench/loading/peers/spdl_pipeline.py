"""SPDL: a thread pipeline in which FFmpeg decodes, crops, scales and flips each image.

As in its own `spdl.io.load_image_batch`, a task makes a whole batch, so that the pipeline's event
loop is asked once a batch instead of once an image. That function takes one filter for all images,
so what it does is written out, with a random box each. What was measured, on camera JPEGs of 500 px
with FFmpeg 8: decoding is most of an image's time, since FFmpeg decodes all of it whatever the
crop, and more slowly than libjpeg-turbo. Scaling and colours take most of the rest, the filter
graph that each image needs little. A flip between `scale` and `format` makes FFmpeg convert the
colours in a pass of its own, so it comes last. Reduced decoding (`lowres`) gained nothing, other
scalers little.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.pipeline.errors import MissingPackageError

AHEAD = 3  # batches that wait at the end of the pipeline


def open_source(job: Job) -> Source:
    """A pipeline per epoch, as SPDL's examples build it.

    Raises:
        MissingPackageError: if spdl is not installed.
    """
    try:
        import spdl.io
        import spdl.pipeline
    except ImportError as error:
        reason = f"spdl cannot be imported ({error}): install headrace[bench]"
        raise MissingPackageError(reason) from None
    try:
        spdl.io.demux_config()  # loads its native part, which links to the system's FFmpeg
    except RuntimeError:
        reason = "spdl finds no FFmpeg libraries: apt-get install ffmpeg"
        raise MissingPackageError(reason) from None
    files = sorted(str(file) for file in Path(job.path).glob("*/*")) * job.repeat
    return SpdlSource(spdl, files, job)


class SpdlSource:
    """SPDL's pipeline as a source."""

    def __init__(self, spdl: Any, files: list[str], job: Job) -> None:
        self._spdl, self._files, self._job = spdl, files, job
        self._random = random.Random(job.seed)
        self._device = torch.device(job.device)

    def epoch(self, number: int) -> Iterator[int]:
        job = self._job
        self._random.shuffle(self._files)
        workers = max(1, job.workers)
        pipeline = (
            self._spdl.pipeline.PipelineBuilder()
            .add_source(self._files)
            .aggregate(job.batch_size)
            .pipe(_batch_loader(self._spdl.io, job, self._random), concurrency=workers)
            .add_sink(AHEAD)
            .build(num_threads=workers)
        )
        with pipeline.auto_stop():
            for images in pipeline:
                yield len(images.to(self._device, non_blocking=True))

    def close(self) -> None:
        self._files = []


def _batch_loader(io: Any, job: Job, rng: random.Random) -> Callable[[list[str]], torch.Tensor]:
    """From paths to (B, 3, S, S) uint8, channels_last."""

    def decode(path: str) -> Any:
        packets = io.demux_image(path)
        x, y, width, height = random_box(rng, packets.width, packets.height, job.crop_scale)
        flip = ",hflip" if rng.random() < 0.5 else ""
        filters = (
            f"crop={width}:{height}:{x}:{y}:exact=1,"
            f"scale={job.size}:{job.size}:flags=bilinear,format=pix_fmts=rgb24{flip}"
        )
        return io.decode_packets(packets, filter_desc=filters)

    def load(paths: list[str]) -> torch.Tensor:
        frames = [decode(path) for path in paths]
        return io.to_torch(io.convert_frames(frames)).permute(0, 3, 1, 2)

    return load


def random_box(
    rng: random.Random, width: int, height: int, scale: tuple[float, float]
) -> tuple[int, int, int, int]:
    """x, y, width and height of a crop, drawn as torchvision's RandomResizedCrop draws it."""
    for _ in range(10):
        area = width * height * rng.uniform(*scale)
        ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return rng.randint(0, width - w), rng.randint(0, height - h), w, h
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side, side
