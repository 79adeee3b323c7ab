"""Loaders' speed against each other on one set of images: warm-up, interleaved repeats, rows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from headrace.bench.core.isolated_process import UnavailableError
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.loading.ceilings import ceiling_of
from headrace.bench.loading.comparison import (
    CompareConfig,
    Results,
    make_job,
    note_unavailable,
    ours_on_folder,
)
from headrace.bench.loading.image_forms import ImageForms
from headrace.bench.loading.image_sets import ImageSet
from headrace.bench.loading.loader_process import LoaderProcess
from headrace.bench.loading.loader_under_test import Job
from headrace.bench.loading.sources import reads_of
from headrace.bench.loading.timed_loader import Opened, Run
from headrace.pipeline.bars import bar

MAX_REPEATED_IMAGES = 1 << 18
_NOT_REPEATED = ("resident", "peer:litdata")
"""Loaders that would keep repeated images in memory, or that repeat them by themselves."""
_NOT_DECODING = ("resident",)


def compare(
    image_set: ImageSet,
    names: Sequence[str],
    config: CompareConfig,
    forms: ImageForms,
    *,
    size: int,
    crop_scale: tuple[float, float],
    results: Results,
) -> None:
    """Measures loaders in turn and adds their rows to `results`.

    Every loader has a process of its own and stays open while the others are measured.
    """
    steps = len(names) * (1 + config.repeats)
    title = f"{image_set.records} {size} px {crop_scale[0]:g}-{crop_scale[1]:g}"
    with (
        ExitStack() as stack,
        bar(total=steps, desc=title, unit="run", leave=False) as progress,
    ):
        opened: dict[str, tuple[LoaderProcess, Opened]] = {}
        for name in names:
            progress.set_postfix_str(f"warm-up of {name}")
            try:
                job = make_job(image_set, name, config, forms, size, crop_scale)
                process = stack.enter_context(LoaderProcess(name))
                opened[name] = process, _open(process, job, image_set, config, forms)
            except UnavailableError as error:
                note_unavailable(results, name, image_set, error)
            progress.update(1)

        def run(name: str) -> Run | None:
            progress.set_postfix_str(name)
            progress.update(1)
            try:
                return opened[name][0].run(config.min_s)
            except UnavailableError as error:
                note_unavailable(results, name, image_set, error)
                return None

        runs = interleaved({name: partial(run, name) for name in opened}, config.repeats)
        rows = [
            _row(name, image_set, config, size, crop_scale, process, first, done)
            for name, (process, first) in opened.items()
            if (done := [run for run in runs[name] if run is not None])
        ]
        _share_ceilings(rows)
        results.rows += rows


def _open(
    process: LoaderProcess, job: Job, image_set: ImageSet, config: CompareConfig, forms: ImageForms
) -> Opened:
    """Opens a loader; again with its images repeated if an epoch is too short to be timed."""
    first = process.open(job)
    if first.rest_s >= config.min_s or job.name in _NOT_REPEATED:
        return first
    repeat = 1
    # Again where the beginnings of epochs have made it look slow.
    while (more := repeats_for(process.run(config.min_s), image_set.images, config.min_s)) > repeat:
        repeat = more
        if ours_on_folder(image_set, job.name):
            path = forms.folder(image_set, repeat)
            process.open(dataclasses.replace(job, path=str(path), split=None))
        elif reads_of(job.name) == "beton":
            path = forms.path(image_set, "beton", repeat)
            process.open(dataclasses.replace(job, path=str(path), split="train"))
        else:
            process.open(dataclasses.replace(job, repeat=repeat))
    return first


def repeats_for(run: Run, images: int, min_s: float) -> int:
    """How often images have to occur in an epoch that is to take `min_s` seconds.

    Args:
        run: of whole epochs of them, many if they are short: the first may have been made ready
            while none was asked for.
        images: in an epoch.

    Returns:
        A power of two, so that loaders of like speed share files, or the most that is worth it.
    """
    wanted = min_s * run.images_per_s / images
    most = max(1, MAX_REPEATED_IMAGES // images)
    return min(1 << max(0, math.ceil(math.log2(wanted))), most)


def _row(
    name: str,
    image_set: ImageSet,
    config: CompareConfig,
    size: int,
    crop_scale: tuple[float, float],
    process: LoaderProcess,
    first: Opened,
    runs: Sequence[Run],
) -> dict[str, Any]:
    speed = spread(run.images_per_s for run in runs)
    ceiling = name.startswith("ceiling:")
    course = name == "peer:course-script"
    return {
        "loader": name,
        "records": image_set.records,
        "size": size,
        "crop_scale": None if course else list(crop_scale),
        "images_per_s": speed.median,
        "images_per_s_iqr": speed.iqr,
        "first_batch_s": None if ceiling else first.first_batch_s,
        "cpu_percent": spread(run.cpu_percent for run in runs).median,
        "peak_rss_mb": process.peak_rss_mb,
        "peak_private_mb": process.peak_private_mb,
        "ceiling_share": None,
        "ceiling": None,
        "workers": 0 if course else config.workers,
        "batch_size": min(config.batch_size, image_set.images),
        "device": config.device,
        "images": image_set.images,
        "runs": [run.images_per_s for run in runs],
    }


def _share_ceilings(rows: Sequence[dict[str, Any]]) -> None:
    """Fills in what share of the ceiling each loader of the same images reaches."""
    found = ceiling_of({row["loader"]: row["images_per_s"] for row in rows})
    for row in rows:
        name = row["loader"]
        applies = row["crop_scale"] is not None and name not in _NOT_DECODING
        if found is not None and applies and not name.startswith("ceiling:"):
            row["ceiling"], speed = found
            row["ceiling_share"] = row["images_per_s"] / speed
