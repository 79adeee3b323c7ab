"""Seconds of training until images that nobody trains on are classified as well as is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from headrace.bench.core.isolated_process import IsolatedProcess, UnavailableError
from headrace.bench.core.kept_row import measured_once
from headrace.bench.core.machine import hardware, versions
from headrace.bench.core.repeats import spread
from headrace.bench.core.tables import Column
from headrace.bench.end_to_end.compare_trainers import Entrant, reason, shown
from headrace.bench.end_to_end.comparison import Compared
from headrace.bench.end_to_end.pursuit import Goal, Pursued
from headrace.bench.end_to_end.timed_trainer import TimedTrainer
from headrace.pipeline.bars import bar
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loader import LoaderSettings, open_loader

COLUMNS = (
    Column("trainer"),
    Column("data"),
    Column("px", "size", "d"),
    Column("asked", "target", ".2f"),
    Column("reached", "reached"),
    Column("s to it", "seconds", ",.0f"),
    Column("IQR", "seconds_iqr", ",.0f"),
    Column("epochs", "epochs", ".0f"),
    Column("s an epoch", "epoch_s", ".1f"),
    Column("opening s", "opening_s", ".1f"),
    Column("best peer's s / these", "ratio", ".2f"),
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be reached.

    Attributes:
        accuracy: on the split.
        split: of the first packed file, none of whose images is trained on.
        most_s: of training, after whose epoch a trainer is stopped.
        seeds: of the weights, the order and the crops; each trainer runs with each.
        out: keeps what each run found, which is not done again; None: nothing is kept.
    """

    accuracy: float
    split: str
    most_s: float
    seeds: tuple[int, ...]
    out: Path | None = None


def reach_accuracy(
    chosen: Sequence[Entrant], records: Path, asked: Asked, compared: Compared
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Each trainer with each seed from new weights, in a process of its own, one after the other.

    Args:
        records: a packed file with the split to measure on.

    Returns:
        Rows of COLUMNS with every run's curve, and what could not run and why.

    Raises:
        ConfigError: if what is kept in `asked.out` was measured otherwise.
    """
    goal = Goal(
        images=_held_out(records, asked.split, compared),
        accuracy=asked.accuracy,
        most_s=asked.most_s,
    )
    runs: dict[str, list[Pursued]] = {entrant.name: [] for entrant in chosen}
    unavailable: list[dict[str, Any]] = []
    total = len(chosen) * len(asked.seeds)
    with bar(total=total, desc=f"to {asked.accuracy:g}", leave=False) as progress:
        for seed in asked.seeds:
            for entrant in chosen:
                job = replace(entrant.job, seed=seed)
                try:
                    runs[entrant.name].append(_run(replace(entrant, job=job), goal, asked))
                except UnavailableError as error:
                    unavailable.append({**reason(entrant, error), "seed": seed})
                progress.update(1)
    rows = [
        {**_row(entrant, found, asked), **compared.columns()}
        for entrant in chosen
        if (found := runs[entrant.name])
    ]
    add_ratios(rows)
    return rows, unavailable


def _run(entrant: Entrant, goal: Goal, asked: Asked) -> Pursued:
    """One trainer with one seed; what is kept of an earlier run is given back."""
    if asked.out is None:
        return _trained(entrant, goal)
    job = entrant.job
    kept_at = asked.out / f"{job.trainer}-{entrant.data}-{job.seed}".replace(" ", "-")
    depends = {
        **asdict(job),
        "path": _files(Path(job.path)),
        "scratch": None,
        "accuracy": goal.accuracy,
        "most_s": goal.most_s,
        "held_out": hashlib.sha256(goal.images.read_bytes()).hexdigest(),
        "versions": versions(),
        "hardware": hardware(),
    }
    row = measured_once(kept_at, depends, lambda: asdict(_trained(entrant, goal)))
    return Pursued(row["opening_s"], [(at, found) for at, found in row["curve"]])


def _files(path: Path) -> str:
    """A hash of the names and bytes of a file, or of all below a folder."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) or [path]
    told = [(str(file.relative_to(path)), file.stat().st_size) for file in files]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _trained(entrant: Entrant, goal: Goal) -> Pursued:
    with IsolatedProcess(entrant.name, TimedTrainer) as process:
        pursued: Pursued = process.ask("reach", entrant.job, goal)
    return pursued


def _held_out(records: Path, split: str, compared: Compared) -> Path:
    """The split's labelled images as evaluation cuts them, in a file: the same pixels for all.

    Raises:
        ConfigError: if none has a label.
    """
    images, labels = [], []
    settings: LoaderSettings = {
        "split": split,
        "train": False,
        "size": compared.size,
        "batch_size": compared.batch_size,
        "geometry": "crop",
        "loader": "native",
        "workers": compared.workers,
    }
    with open_loader(records, **settings) as loader:
        for batch in loader.epoch(0):
            images.append(batch.images.clone())
            labels.append(batch.labels.clone())
    known = torch.cat(labels) >= 0
    if not known.any():
        raise ConfigError(f"--reach-split {split} of {records} has no label to measure by")
    path = compared.scratch / "held-out.pt"
    torch.save((torch.cat(images)[known], torch.cat(labels)[known]), path)
    return path


def _row(entrant: Entrant, runs: Sequence[Pursued], asked: Asked) -> dict[str, Any]:
    curves = [run.curve for run in runs]
    ends = [curve[-1][0] for curve in curves if curve[-1][1] >= asked.accuracy]
    every = len(ends) == len(asked.seeds)  # else the median would be of the lucky ones
    took = spread(ends) if every else None
    return {
        "trainer": shown(entrant),
        "data": entrant.data,
        "target": asked.accuracy,
        "reached": f"{len(ends)} of {len(asked.seeds)}",
        "seconds": took and took.median,
        "seconds_iqr": took and took.iqr,
        "epochs": spread(map(len, curves)).median if every else None,
        "epoch_s": spread(curve[-1][0] / len(curve) for curve in curves).median,
        "opening_s": spread(run.opening_s for run in runs).median,
        "curves": [list(curve) for curve in curves],
    }


def add_ratios(rows: Sequence[dict[str, Any]]) -> None:
    """Adds how many times longer the quickest peer took, where one reached it."""
    best = min(
        (row["seconds"] for row in rows if row["trainer"].startswith("peer:") and row["seconds"]),
        default=None,
    )
    for row in rows:
        row["ratio"] = best / row["seconds"] if best and row["seconds"] else None
