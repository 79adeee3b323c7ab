"""Images/s of every loader, batches on the device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from headrace.bench.core.repeats import spread
from headrace.bench.device.job import Job, Row, speed_row
from headrace.bench.loading import loader_under_test
from headrace.bench.loading.timed_loader import TimedLoader
from headrace.pipeline.loaders import LOADERS

CROP_SCALE = (0.08, 1.0)


def parts(job: Job) -> list[str]:
    slowest_last = sorted(LOADERS, key=lambda name: name == "torchvision")
    return ["native", "resident"] if job.quick else slowest_last


def run(part: str, job: Job) -> Iterator[Row]:
    """First batch and images/s at each size."""
    for size in job.sizes:
        with contextlib.closing(TimedLoader()) as timed:
            opened = timed.open(_what(part, size, job))
            runs = [timed.run(job.min_s) for _ in range(job.repeats)]
        speed = spread(run.images_per_s for run in runs)
        cpu = f"{spread(run.cpu_percent for run in runs).median:.0f}% of the CPU"
        yield speed_row(f"{part}, {size} px", speed.median, speed.iqr, note=cpu)
        first = f"{part}, {size} px, first batch"
        yield {"what": first, "value": opened.first_batch_s, "unit": "s"}


def _what(part: str, size: int, job: Job) -> loader_under_test.Job:
    return loader_under_test.Job(
        name=part,
        path=job.data_of(part),
        split="train",
        size=size,
        batch_size=job.batch_size,
        workers=job.workers,
        crop_scale=CROP_SCALE,
        device=job.device,
    )
