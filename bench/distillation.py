#!/usr/bin/env python3
"""Is a student better for its teachers? The same net alone, and taught by an ensemble of such.

    bench/distillation.py --data grocery.beton --out runs/distil --json distillation.json

Every run has the same settings but for its seed and its teachers, which are the runs alone, all of
them. The accuracy is that of the last epoch on --val-split, so that nothing has been chosen by it.
Runs that are finished in --out are taken as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from headrace.bench.core.flag_values import OutFile, check_out, parse_bench
from headrace.bench.core.kept_row import Row, measured_once
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table
from headrace.pipeline.command_line import run_command
from headrace.pipeline.flags import check_least
from headrace.pipeline.records import Records
from headrace.train.data.inputs import data_fingerprint
from headrace.train.folder.journal import read_rows
from headrace.train.folder.run_folder import LOG_NAME
from headrace.train.run import run_training
from headrace.train.settings.config_file import from_flat
from headrace.train.trials.interval import over_runs

COLUMNS = (
    Column("trained", "form"),
    Column("accuracy, mean", "mean", ".4f"),
    Column("deviation", "std", ".4f"),
    Column("each seed", "each"),
    Column("seconds a run", "seconds", ".0f"),
)


@dataclass(frozen=True, kw_only=True)
class DistillationSettings:
    """Is a student better for its teachers?"""

    data: Annotated[str, arg(metavar="FILE")]
    """Packed records."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder of the runs."""
    json: Annotated[OutFile | None, arg(metavar="FILE")] = None
    """Write the rows here."""
    model: str = "small-resnet"
    """Of teachers and students."""
    size: int = 32
    """Side of the images, px."""
    epochs: int = 15
    """Of each run."""
    seeds: int = 3
    """Runs of each kind, and teachers."""
    val_split: str = "test"
    """Split to measure on."""
    temperature: float = 4.0
    """Of the teachers' answers."""
    hard_share: float = 0.1
    """Of the labels in a student's loss."""

    def __post_init__(self) -> None:
        check_out(self.out)
        check_least(self, 2, "seeds")
        check_least(self, 1, "epochs")


def measure(given: DistillationSettings) -> list[dict[str, Any]]:
    """Trains what is not there yet; a row for the runs alone, and one for those with teachers."""
    alone = [given.out / f"alone{seed}" for seed in range(given.seeds)]
    for seed, folder in enumerate(alone):
        train(given, folder, seed, {})
    taught = [given.out / f"taught{seed}" for seed in range(given.seeds)]
    teaching = {
        "teacher": [str(folder) for folder in alone],
        "distill_temperature": given.temperature,
        "hard_share": given.hard_share,
    }
    for seed, folder in enumerate(taught):
        train(given, folder, seed, teaching)
    shared = {"model": given.model, "size": given.size, "epochs": given.epochs}
    forms = {"alone": alone, f"taught by the {given.seeds} alone": taught}
    return [row(form, folders) | shared for form, folders in forms.items()]


def train(given: DistillationSettings, folder: Path, seed: int, teaching: dict[str, Any]) -> None:
    """Carries out one run, if it is not there yet."""
    settings = {
        "data": given.data,
        "val_split": given.val_split,
        "model": given.model,
        "size": given.size,
        "epochs": given.epochs,
        "seed": seed,
        "out": str(folder),
        "batch_size": 64,
        "lr": 0.003,
        "recipe": "flip",
        "amp": "off",
        "loader": "resident",
        "tensorboard": False,
        "overwrite": True,
    }
    config = from_flat({**settings, **teaching}, "bench/distillation.py")
    with Records.open(given.data) as records:
        splits = config.data.train_split, given.val_split
        asked = {**settings, **teaching, "data": data_fingerprint(records, splits)}

    def trained() -> Row:
        run_training(config)
        return {}

    measured_once(folder, asked, trained)


def row(form: str, folders: Sequence[Path]) -> dict[str, Any]:
    """What runs that differ in their seed alone say together."""
    epochs = [[found for found in log(folder) if found["kind"] == "epoch"] for folder in folders]
    accuracies = [found[-1]["val_accuracy"] for found in epochs]
    seconds = [sum(found["seconds"] for found in run) for run in epochs]
    return {
        "form": form,
        "each": ", ".join(f"{accuracy:.4f}" for accuracy in accuracies),
        "seconds": sum(seconds) / len(seconds),
        **over_runs(accuracies),
    }


def log(folder: Path) -> list[Mapping[str, Any]]:
    """The rows of a run's log; none where it has not begun."""
    path = folder / LOG_NAME
    return read_rows(path)[0] if path.exists() else []


def main(arguments: Sequence[str] = ()) -> int:
    """Command line; see the module's text."""
    arguments = arguments or sys.argv[1:]
    given = parse_bench(DistillationSettings, "bench distillation", arguments)
    rows = measure(given)
    print(table(rows, COLUMNS))
    if given.json:
        command = command_line("bench/distillation.py", arguments)
        write_json(given.json, command=command, rows=rows)
    return 0


if __name__ == "__main__":
    run_command(main)
