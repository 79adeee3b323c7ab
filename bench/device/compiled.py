"""Images/s of recipes through torch.compile, and how long compiling takes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from headrace.augment import RECIPES
from headrace.bench.device.job import Job, Row, speed_row
from headrace.bench.device.recipes import batch_of, ours
from headrace.bench.device.timing import images_per_s, wait

FIRST = ("report", "flip", "trivial", "strong", "rand", "cifar")


def parts(job: Job) -> list[str]:
    if job.quick:
        return ["flip"]
    return [*FIRST, *(name for name in RECIPES if name not in FIRST)]


def run(part: str, job: Job) -> Iterator[Row]:
    """Seconds of the first call, then images/s, at each size."""
    for size in job.sizes:
        images, labels = batch_of(job, size)
        call = ours(part, images, labels, compile=True)
        began = time.perf_counter()
        call()
        wait(torch.device(job.device))
        seconds = time.perf_counter() - began
        yield {"what": f"{part}, {size} px, first call", "value": seconds, "unit": "s"}
        speed = images_per_s(call, len(images), job)
        yield speed_row(f"{part}, {size} px", speed.median, speed.iqr)
