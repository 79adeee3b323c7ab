"""Training images/s of ResNet-18 with each loader, beside batches that are there already.

The step is that of a run: augmenter, autocast, scaler and optimizer of `open_run`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import torch

from headrace.bench.core.repeats import spread
from headrace.bench.device.job import Job, Row, speed_row
from headrace.bench.device.timing import wait
from headrace.pipeline.batch import Batch
from headrace.pipeline.loaders import LOADERS
from headrace.train.assemble import open_run
from headrace.train.folder.run_folder import make_folder
from headrace.train.processes.world import World
from headrace.train.settings.config_file import from_flat
from headrace.train.state import Run
from headrace.train.step import optimise

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
            opened = _open(part, size, job, resources)
            epochs = itertools.count()
            batches: Iterator[Batch] = (b for e in epochs for b in opened.train_loader.epoch(e))
            if part == SYNTHETIC or part in _COMPILE:
                batches = itertools.repeat(next(batches))
            for _ in range(1 if job.quick else _WARM_UP):
                _step(opened, next(batches))
            rates, waits = [], []
            for _ in range(job.repeats):
                rate, waited = _timed(opened, batches, job)
                rates.append(rate)
                waits.append(waited)
        speed = spread(rates)
        note = f"{opened.precision.dtype}, waits {spread(waits).median:.1%} for data"
        yield speed_row(f"{part}, {size} px", speed.median, speed.iqr, note=note)


def _open(part: str, size: int, job: Job, resources: ExitStack) -> Run:
    loader = part if part in LOADERS else "resident"
    out = Path(job.scratch) / f"run-{part}-{size}".replace(" ", "-").replace(",", "")
    config = from_flat(
        {
            "data": job.data_of(loader),
            "val_split": "none",
            "loader": loader,
            "workers": job.workers,
            "model": "torchvision:resnet18",
            "size": size,
            "batch_size": job.batch_size,
            "drop_last": True,
            "recipe": "flip",
            "device": job.device,
            "compile": _COMPILE.get(part, "off"),
            "tensorboard": False,
            "out": str(out),
            "overwrite": True,
        },
        "bench/gpu.py",
    )
    return open_run(
        config,
        None,
        take_folder=lambda settled: resources.enter_context(make_folder(settled)),
        world=World(),
        device=torch.device(job.device),
        resources=resources,
        say=print,
    )


def _step(opened: Run, batch: Batch) -> None:
    optimise(opened, *opened.augmenter(batch.images, batch.labels))


def _timed(opened: Run, batches: Iterator[Batch], job: Job) -> tuple[float, float]:
    """Images/s, and the share of the time in which the host waited for a batch."""
    wait(opened.device)
    images, waited, began, elapsed = 0, 0.0, time.perf_counter(), 0.0
    while images == 0 or elapsed < 2 * job.min_s:
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        _step(opened, batch)
        images += len(batch.labels)
        elapsed = time.perf_counter() - began
    wait(opened.device)
    elapsed = time.perf_counter() - began
    return images / elapsed, waited / elapsed
