#!/usr/bin/env python3
"""What does a setting change? The same seeds with one value of it and another, seed by seed.

    bench/studies/paired_runs.py BASE OTHER ... --setting sharpness [--metric accuracy] [--json F]

Each folder is one of `train/run.py --repeats N`. Seeds differ more from each other than settings
do, so it is the difference of each pair whose mean and interval (95%, Student's t) count.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from headrace.bench.core.flag_values import OutFile
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table
from headrace.pipeline.command_line import run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.pipeline.flat_settings import to_flat
from headrace.train.trials.folder import SUMMARY_NAME, read_trials
from headrace.train.trials.interval import over_runs

COLUMNS = (
    Column("value"),
    Column("mean", "mean", ".4f"),
    Column("from", "low", ".4f"),
    Column("to", "high", ".4f"),
    Column("more than the first", "difference", "+.4f"),
    Column("from", "difference_low", "+.4f"),
    Column("to", "difference_high", "+.4f"),
)


@dataclass(frozen=True, kw_only=True)
class PairedSettings:
    """What a setting changes, seed by seed."""

    folders: Annotated[tuple[Path, ...], Positional, arg(metavar="BASE OTHER ...")]
    """Folders of repeated runs, that of the value to compare with first."""
    setting: Annotated[str, arg(metavar="NAME")]
    """What they differ in, by its name in YAML."""
    metric: Annotated[str, arg(metavar="NAME")] = "accuracy"
    """Of their summaries."""
    json: OutFile = None
    """Write the rows there."""

    def __post_init__(self) -> None:
        if len(self.folders) < 2:
            raise ConfigError("expected BASE and at least one OTHER, folders of repeated runs")


def compare(folders: Sequence[Path], setting: str, metric: str) -> list[dict[str, Any]]:
    """A row of COLUMNS for each folder; the first has no difference.

    Raises:
        ConfigError: if a folder has no such setting or metric, or other seeds than the first.
    """
    rows: list[dict[str, Any]] = []
    for folder in folders:
        settings = to_flat(read_trials(folder).config)
        summary = json.loads((folder / SUMMARY_NAME).read_text(encoding="utf-8"))
        if setting not in settings or metric not in summary:
            raise ConfigError(f"{folder} knows no setting {setting!r}, or no metric {metric!r}")
        runs = summary[metric]["runs"]
        row = {"value": str(settings[setting]), **_interval(runs, ""), "runs": runs}
        if rows:
            base = rows[0]["runs"]
            if len(base) != len(runs):
                raise ConfigError(f"{folder} has {len(runs)} runs and {folders[0]} {len(base)}")
            apart = [other - first for other, first in zip(runs, base, strict=True)]
            row |= {
                "difference": over_runs(apart)["mean"],
                **_interval(apart, "difference_"),
            }
        rows.append(row)
    return rows


def _interval(values: Sequence[float], prefix: str) -> dict[str, Any]:
    told = over_runs(values)
    low, high = told["ci95"] or (None, None)
    mean = {} if prefix else {"mean": told["mean"]}
    return {**mean, f"{prefix}low": low, f"{prefix}high": high}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse(PairedSettings, "bench/studies/paired_runs.py", arguments)
    rows = compare(given.folders, given.setting, given.metric)
    print(table(rows, COLUMNS))
    if given.json:
        command = command_line("bench/studies/paired_runs.py", arguments)
        write_json(given.json, command=command, rows=rows)
    return 0


if __name__ == "__main__":
    run_command(main)
