"""Images/s of recipes through torch.compile, ours and peers', and how long compiling takes."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

from headrace.augment import RECIPES
from headrace.bench.device.job import Job, Row, failed_row, speed_row
from headrace.bench.device.recipes import batch_of, check_installed, ours, peer_calls
from headrace.bench.device.timing import images_per_s, wait

FIRST = ("report", "flip", "trivial", "strong", "rand", "cifar")
PEERS = ("torchvision", "kornia", "kornia auto")
"""Written for eager use: they compile in pieces, some anew for what each call draws."""


def parts(job: Job) -> list[str]:
    if job.quick:
        return ["flip"]
    return [*FIRST, *PEERS, *(name for name in RECIPES if name not in FIRST)]


def run(part: str, job: Job) -> Iterator[Row]:
    """Seconds of the first call, then images/s, at each size.

    Raises:
        MissingPackageError: of a peer whose package is not there.
    """
    check_installed(part)
    warnings.simplefilter("ignore")
    for size in job.sizes:
        images, labels = batch_of(job, size)
        if part not in PEERS:
            yield from _rows(f"{part}, {size} px", ours(part, images, labels, compile=True), job)
            continue
        for name, call in peer_calls(part, images, labels).items():
            what = f"{part}: {name}, {size} px"
            try:
                yield from _rows(what, torch.compile(call), job)
            except Exception as error:  # whatever a peer raises where it is compiled
                yield failed_row(what, error)


def _rows(what: str, call: Callable[[], Any], job: Job) -> Iterator[Row]:
    began = time.perf_counter()
    call()
    wait(torch.device(job.device))
    seconds = time.perf_counter() - began
    yield {"what": f"{what}, first call", "value": seconds, "unit": "s"}
    speed = images_per_s(call, job.batch_size, job)
    yield speed_row(what, speed.median, speed.iqr)
