"""Loaders against each other on one set of images: warm-up, interleaved repeats, rows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from headrace.bench.core.isolated_process import Isolated, UnavailableError
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.loading.ceilings import JPEG_CEILINGS, RAW_CEILINGS, ceiling_of
from headrace.bench.loading.image_forms import Subject, Workshop, warm_page_cache
from headrace.bench.loading.loader_under_test import ORIGINAL_FOLDER_PEERS, PEERS, Job, Reads
from headrace.bench.loading.timed_loader import Growth, Opened, Run

FOLDER_LOADERS = ("torchvision",)
"""Our loaders that make sense on a folder that is not packed."""

MAX_REPEATED_IMAGES = 1 << 18
_NOT_REPEATED = ("resident", "peer:litdata")
"""Loaders that would keep repeated images in memory, or that repeat them by themselves."""
_NOT_DECODING = ("resident",)


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """How to measure.

    Attributes:
        loaders, peers: names, peers without their prefix.
        ceilings: measure the machine's limits too.
        repeats: measured runs of each.
        min_s: least duration of one of them, in whole epochs.
        memory_epochs: epochs, and early breaks, over which memory is watched; 0 for none.
    """

    loaders: Sequence[str]
    peers: Sequence[str]
    ceilings: bool = True
    batch_size: int = 256
    workers: int = 2
    device: str = "cpu"
    seed: int = 0
    repeats: int = 5
    min_s: float = 1.5
    memory_epochs: int = 0


@dataclass
class Results:
    """What a benchmark found out.

    Attributes:
        rows: measurements, one per loader, set of images, size and crop scale.
        unavailable: loaders that could not run, with `loader`, `records` and `reason`.
        memory: growth per loader, see isolated.Growth.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    unavailable: list[dict[str, Any]] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)


def names_for(subject: Subject, config: CompareConfig, with_folder: bool) -> list[str]:
    """What runs on a subject.

    Args:
        with_folder: the original folder is another subject of this benchmark.
    """
    ours = [n for n in config.loaders if not subject.folder or n in FOLDER_LOADERS]
    peers = []
    for name in config.peers:
        reads = PEERS[name][1]
        if subject.folder:
            fits = reads == "folder"
        elif subject.raw:
            fits = reads == "beton"
        else:
            fits = not (with_folder and name in ORIGINAL_FOLDER_PEERS)
        if fits:
            peers.append(f"peer:{name}")
    ceilings: Sequence[str] = ()
    if config.ceilings and not subject.folder:
        ceilings = RAW_CEILINGS if subject.raw else JPEG_CEILINGS
    return [*ours, *peers, *ceilings]


def compare(
    subject: Subject,
    names: Sequence[str],
    config: CompareConfig,
    workshop: Workshop,
    *,
    size: int,
    crop_scale: tuple[float, float],
    results: Results,
) -> None:
    """Measures loaders in turn and adds their rows to `results`.

    Every loader has a process of its own and stays open while the others are measured.
    """
    steps = len(names) * (1 + config.repeats)
    title = f"{subject.records} {size} px {crop_scale[0]:g}-{crop_scale[1]:g}"
    with (
        ExitStack() as stack,
        tqdm(total=steps, desc=title, unit="run", leave=False, dynamic_ncols=True) as progress,
    ):
        opened: dict[str, tuple[Isolated, Opened]] = {}
        for name in names:
            progress.set_postfix_str(f"warm-up of {name}")
            try:
                job = make_job(subject, name, config, workshop, size, crop_scale)
                process = stack.enter_context(Isolated(name))
                opened[name] = process, _open(process, job, subject, config, workshop)
            except UnavailableError as error:
                _note(results, name, subject, error)
            progress.update(1)

        def measure(name: str) -> Callable[[], Run | None]:
            def run() -> Run | None:
                progress.set_postfix_str(name)
                progress.update(1)
                try:
                    return opened[name][0].run(config.min_s)
                except UnavailableError as error:
                    _note(results, name, subject, error)
                    return None

            return run

        runs = interleaved({name: measure(name) for name in opened}, config.repeats)
        rows = []
        for name, (process, first) in opened.items():
            done = [run for run in runs[name] if run is not None]
            if done:
                rows.append(_row(name, subject, config, size, crop_scale, process, first, done))
        _share_ceilings(rows)
        results.rows += rows


def watch_memory(
    subject: Subject,
    names: Sequence[str],
    config: CompareConfig,
    workshop: Workshop,
    *,
    size: int,
    crop_scale: tuple[float, float],
    results: Results,
) -> None:
    """Runs epochs and early breaks of each loader and adds the growth to `results.memory`."""
    for name in tqdm(names, desc=f"memory {subject.records}", unit="loader", leave=False):
        try:
            job = make_job(subject, name, config, workshop, size, crop_scale)
            with Isolated(name) as process:
                process.open(job)
                growth: Growth = process.grow(config.memory_epochs, config.memory_epochs)
        except UnavailableError as error:
            _note(results, name, subject, error)
            continue
        results.memory.append(
            {
                "loader": name,
                "records": subject.records,
                "size": size,
                "growth_mb": growth.growth_mb,
                "after_first_epoch_mb": growth.first_mb,
                "after_epochs_mb": growth.epochs_mb,
                "after_breaks_mb": growth.breaks_mb,
                "peak_rss_mb": process.peak_rss_mb,
            }
        )


def make_job(
    subject: Subject,
    name: str,
    config: CompareConfig,
    workshop: Workshop,
    size: int,
    crop_scale: tuple[float, float],
) -> Job:
    """The job of a loader on a subject, with what it reads made and in the page cache."""
    reads = reads_of(name)
    path = subject.path if _ours_on_folder(subject, name) else workshop.path(subject, reads)
    warm_page_cache(path)
    own = path == subject.path
    return Job(
        name=name,
        path=str(path),
        split=subject.split if own else "train" if reads == "beton" else None,
        size=size,
        batch_size=min(config.batch_size, subject.images),
        workers=config.workers,
        crop_scale=crop_scale,
        device=config.device,
        seed=config.seed,
    )


def _ours_on_folder(subject: Subject, name: str) -> bool:
    """Whether it is one of our loaders, which opens the folder itself."""
    return subject.folder and not name.startswith("peer:")


def reads_of(name: str) -> Reads:
    """The form of the images that a loader reads."""
    kind, _, peer = name.rpartition(":")
    return PEERS[peer][1] if kind == "peer" else "beton"


def _open(
    process: Isolated, job: Job, subject: Subject, config: CompareConfig, workshop: Workshop
) -> Opened:
    """Opens a loader; again with its images repeated if an epoch is too short to be timed."""
    first = process.open(job)
    if first.rest_s >= config.min_s or job.name in _NOT_REPEATED:
        return first
    # The rest of the first epoch tells nothing of the speed: workers may have had it ready.
    wanted = config.min_s / process.run(0).elapsed_s
    most = max(1, MAX_REPEATED_IMAGES // subject.images)
    repeat = min(1 << max(0, math.ceil(math.log2(wanted))), most)  # powers of two: files shared
    if repeat > 1:
        if _ours_on_folder(subject, job.name):
            path = workshop.folder(subject, repeat)
            process.open(dataclasses.replace(job, path=str(path), split=None))
        elif reads_of(job.name) == "beton":
            path = workshop.path(subject, "beton", repeat)
            process.open(dataclasses.replace(job, path=str(path), split="train"))
        else:
            process.open(dataclasses.replace(job, repeat=repeat))
    return first


def _row(
    name: str,
    subject: Subject,
    config: CompareConfig,
    size: int,
    crop_scale: tuple[float, float],
    process: Isolated,
    first: Opened,
    runs: Sequence[Run],
) -> dict[str, Any]:
    speed = spread(run.images_per_s for run in runs)
    ceiling = name.startswith("ceiling:")
    course = name == "peer:course-script"
    return {
        "loader": name,
        "records": subject.records,
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
        "batch_size": min(config.batch_size, subject.images),
        "device": config.device,
        "images": subject.images,
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


def _note(results: Results, name: str, subject: Subject, error: UnavailableError) -> None:
    entry = {"loader": name, "records": subject.records, "reason": str(error)}
    if entry not in results.unavailable:
        results.unavailable.append(entry)
