"""Whole trainers against each other, ours and other people's, on the same photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from headrace.bench.core.isolated_process import IsolatedProcess, UnavailableError
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.tables import Column
from headrace.bench.end_to_end.comparison import RESIDENT, Compared
from headrace.bench.end_to_end.our_run import RunSettings, Steps
from headrace.bench.end_to_end.paired_steps import PairedSteps
from headrace.bench.end_to_end.timed_trainer import OURS, PEERS, TimedTrainer
from headrace.bench.end_to_end.trainer_under_test import TrainerJob
from headrace.bench.loading.image_sets import ImageSet
from headrace.bench.loading.timed_loader import Run
from headrace.pipeline.bars import bar

COURSE_SCRIPT = "course-script"
SYNTHETIC = "batches on the device"
MODEL_SOURCE = "torchvision:"
COLUMNS = (
    Column("trainer"),
    Column("data"),
    Column("px", "size", "d"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("IQR", "images_per_s_iqr", ",.0f"),
    Column("times best peer", "ratio", ".2f"),
    Column("ms/image", "ms_per_image", ".2f"),
    Column("of synthetic", "share", ".1%"),
    Column("CPU s per 1000", "cpu_s_per_1000", ".2f"),
    Column("workers", "workers", "d"),
    Column("first step s", "first_step_s", ".1f"),
)


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A trainer on what it reads.

    Attributes:
        name: of the process.
        data: what the rows call the images.
    """

    name: str
    data: str
    job: TrainerJob


def entrants(
    sets: Sequence[ImageSet],
    tree: Path,
    images: int,
    num_classes: int,
    peers: Sequence[str],
    compared: Compared,
) -> list[Entrant]:
    """Ours, native on each file and resident on the first, then the peers.

    Args:
        sets: packed files.
        tree: the same photos in class folders, `images` of them.
    """
    ours = [(OURS[0], image_set) for image_set in sets] + [(RESIDENT, sets[0])]
    found = []
    for name, image_set in ours:
        path, data = compared.file_for(name, image_set), image_set.path.stem
        job = _job(name, path, num_classes, compared.model, compared, data)
        found.append(Entrant(name=f"{name} {data}", data=data, job=job))
    model = compared.model.removeprefix(MODEL_SOURCE)
    for name in peers:
        job = _job(name, tree, num_classes, model, compared, "photos", compared.turns(images))
        found.append(Entrant(name=name, data="the photos", job=job))
    return found


def _job(
    name: str,
    path: Path,
    num_classes: int,
    model: str,
    compared: Compared,
    data: str,
    repeat: int = 1,
) -> TrainerJob:
    return TrainerJob(
        trainer=name,
        path=str(path),
        num_classes=num_classes,
        model=model,
        size=compared.size,
        batch_size=compared.batch_size,
        workers=0 if name == COURSE_SCRIPT else compared.workers,
        device=compared.device,
        amp=compared.amp,
        scratch=compared.folder_of("trainer", name, data),
        repeat=repeat,
    )


def compare_trainers(
    chosen: Sequence[Entrant], same: RunSettings, compared: Compared
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All trainers in turn, each in a process of its own, and our steps without a loader.

    Args:
        same: the run whose steps with one batch on the device stand beside them.

    Returns:
        Rows of COLUMNS, and what could not run and why.
    """
    unavailable: list[dict[str, Any]] = []
    total = (len(chosen) + 1) * (1 + compared.repeats)
    with ExitStack() as stack, bar(total=total, desc="trainers", leave=False) as progress:
        opened: dict[str, tuple[Entrant, float]] = {}
        asks: dict[str, Callable[[], Steps | Run]] = {}
        synthetic = stack.enter_context(IsolatedProcess(SYNTHETIC, PairedSteps))
        synthetic.ask("open", same, compared.settling)
        asks[SYNTHETIC] = partial(synthetic.ask, "synthetic", compared.min_s)
        progress.update(1)
        for entrant in chosen:
            process = stack.enter_context(IsolatedProcess(entrant.name, TimedTrainer))
            try:
                opened[entrant.name] = entrant, process.ask("open", entrant.job)
                asks[entrant.name] = partial(process.ask, "run", compared.min_s)
            except UnavailableError as error:
                unavailable.append(reason(entrant, error))
            progress.update(1)

        def run(name: str) -> Steps | Run | None:
            progress.update(1)
            try:
                return asks[name]()
            except UnavailableError as error:
                entry = reason(opened[name][0], error) if name in opened else {"reason": str(error)}
                if entry not in unavailable:
                    unavailable.append(entry)
                return None

        runs = interleaved({name: partial(run, name) for name in asks}, compared.repeats)
    done = {name: [one for one in found if one is not None] for name, found in runs.items()}
    rows = [_row(name, opened.get(name), found, compared) for name, found in done.items() if found]
    add_comparisons(rows)
    return rows, unavailable


def _row(
    name: str,
    opened: tuple[Entrant, float] | None,
    runs: Sequence[Steps | Run],
    compared: Compared,
) -> dict[str, Any]:
    speed = spread(run.images_per_s for run in runs)
    entrant, first_step_s = opened or (None, None)
    return {
        "trainer": name if entrant is None else shown(entrant),
        "data": None if entrant is None else entrant.data,
        **compared.columns(),
        "amp": compared.amp,
        "images_per_s": speed.median,
        "images_per_s_iqr": speed.iqr,
        "ms_per_image": 1000 / speed.median,
        "cpu_s_per_1000": spread(1000 * run.cpu_s / run.images for run in runs).median,
        "workers": None if entrant is None else entrant.job.workers,
        "first_step_s": first_step_s,
        "epoch_images_at_least": compared.epoch_images,
        "runs": [run.images_per_s for run in runs],
    }


def shown(entrant: Entrant) -> str:
    """The trainer as tables call it."""
    name = entrant.job.trainer
    return f"peer:{name}" if name in PEERS else name


def add_comparisons(rows: Sequence[dict[str, Any]]) -> None:
    """Adds the ratio to the best peer, where one ran, and the share of the synthetic steps."""
    best = max(
        (row["images_per_s"] for row in rows if row["trainer"].startswith("peer:")), default=0
    )
    same = next((row["images_per_s"] for row in rows if row["trainer"] == SYNTHETIC), 0)
    for row in rows:
        row["ratio"] = row["images_per_s"] / best if best else None
        row["share"] = row["images_per_s"] / same if same else None


def reason(entrant: Entrant, error: UnavailableError) -> dict[str, Any]:
    """Why a trainer did not run."""
    return {"trainer": shown(entrant), "data": entrant.data, "reason": str(error)}
