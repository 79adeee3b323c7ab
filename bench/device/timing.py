"""Timing of what a device is asked to do: warmed up, waited for, repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from headrace.bench.core.repeats import Spread, spread
from headrace.bench.device.job import Job


def wait(device: torch.device) -> None:
    """Until the device has done all that it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def images_per_s(call: Callable[[], Any], batch: int, job: Job, warm_up: int = 3) -> Spread:
    """Images/s of a call that does one batch.

    Args:
        call: does `batch` images.
        warm_up: calls that are not timed, at least one.
    """
    device = torch.device(job.device)
    for _ in range(1 if job.quick else warm_up):
        call()
    wait(device)
    rates = []
    for _ in range(job.repeats):
        count, began, elapsed = 0, time.perf_counter(), 0.0
        while count == 0 or elapsed < job.min_s / 2:
            for _ in range(1 if job.quick else 5):  # the host runs ahead of the device
                call()
                count += 1
            wait(device)
            elapsed = time.perf_counter() - began
        rates.append(count * batch / elapsed)
    return spread(rates)
