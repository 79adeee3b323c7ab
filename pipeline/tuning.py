"""`workers="auto"`: tries a few numbers of workers on the real data and keeps the best."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import numpy as np

from headrace.pipeline.backend import Backend, LoaderConfig
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records

TRIAL_S = 0.5
GOOD_ENOUGH = 0.95
"""Share of the best speed at which fewer workers are preferred: training wants cores too."""


def candidates(cores: int) -> list[int]:
    """Numbers of workers to try: a quarter, half, all of the cores, and one more."""
    return sorted({max(1, cores // 4), max(1, cores // 2), cores, cores + 1})


def pick_workers(
    open_backend: Callable[[Records, LoaderConfig, np.ndarray], Backend],
    records: Records,
    config: LoaderConfig,
    chosen: np.ndarray,
    plan: EpochPlan,
    cores: int,
) -> int:
    """Loads batches of `plan` for half a second with each candidate; prints what it picked.

    Args:
        open_backend: of the loader in question.
        chosen: (n,) int64, the records that take part.
        plan: any epoch's.
        cores: that this process may use.

    Returns:
        The fewest workers that reach 95% of the best speed.
    """
    speeds = {}
    for workers in candidates(cores):
        backend = open_backend(records, with_values(config, {"workers": workers}), chosen)
        with closing(backend):
            speeds[workers] = _images_per_s(backend, plan)
    best = max(speeds.values())
    picked = min(n for n, speed in speeds.items() if speed >= GOOD_ENOUGH * best)
    tried = ", ".join(f"{n}: {speed:.0f}" for n, speed in speeds.items())
    print(f"workers: {picked} (images/s by workers: {tried})")
    return picked


def _images_per_s(backend: Backend, plan: EpochPlan) -> float:
    """Speed over TRIAL_S, from the first batch on: starting up is not what is compared."""
    count, start = 0, 0.0
    while True:
        with closing(backend.stream(plan, 0)) as stream:
            for images, _ in stream:
                now = time.perf_counter()
                if start == 0.0:
                    start = now
                    continue
                count += len(images)
                if now - start > TRIAL_S:
                    return count / (now - start)
        if plan.num_batches < 2:
            return 1.0  # one batch says nothing about speed; the fewest workers will do
