"""Training images/s of ResNet-18 with each loader, beside batches that are there already.

The step is that of a run: augmenter, autocast, scaler and optimizer of `open_run`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from headrace.bench.core.repeats import spread
from headrace.bench.device.job import Job, Row, speed_row
from headrace.bench.end_to_end.our_run import (
    RunSettings,
    endless,
    open_our_run,
    step,
    timed_steps,
)
from headrace.pipeline.loaders import LOADERS

SYNTHETIC = "batches on the device"
COMPILED = "batches on the device, compiled"
GRAPHS = "batches on the device, CUDA graphs"
_COMPILE = {COMPILED: "on", GRAPHS: "reduce-overhead"}
_WARM_UP = 10  # steps


def parts(job: Job) -> list[str]:
    if job.quick:
        return [SYNTHETIC, "native"]
    return [SYNTHETIC, *sorted(LOADERS, key=lambda name: name == "torchvision"), COMPILED, GRAPHS]


def run(part: str, job: Job) -> Iterator[Row]:
    """Images/s and the share of the time that the host waits for batches, at each size."""
    for size in job.sizes:
        with ExitStack() as resources:
            opened = open_our_run(_settings(part, size, job), "bench/gpu.py", resources)
            batches = endless(opened)
            if part == SYNTHETIC or part in _COMPILE:
                batches = itertools.repeat(next(batches))
            for _ in range(1 if job.quick else _WARM_UP):
                step(opened, next(batches))
            runs = [timed_steps(opened, batches, 2 * job.min_s) for _ in range(job.repeats)]
        speed = spread(run.images_per_s for run in runs)
        waited = spread(run.waited for run in runs).median
        note = f"{opened.precision.dtype}, waits {waited:.1%} for data"
        yield speed_row(f"{part}, {size} px", speed.median, speed.iqr, note=note)


def _settings(part: str, size: int, job: Job) -> RunSettings:
    loader = part if part in LOADERS else "resident"
    return RunSettings(
        data=job.data_of(loader),
        loader=loader,
        workers=job.workers,
        model="torchvision:resnet18",
        size=size,
        batch_size=job.batch_size,
        device=job.device,
        compile=_COMPILE.get(part, "off"),
        out=Path(job.scratch) / f"run-{part}-{size}".replace(" ", "-").replace(",", ""),
    )
