#!/usr/bin/env python3
"""How good a preset gets, and in what time: some seeds, the report's own recipe beside them.

    bench/accuracy.py cifar10-fast --data cifar10.beton --out runs/fast --json accuracy.json
    bench/accuracy.py cifar10-fast --data cifar10.beton --out runs/fast --seeds 0 1 2 --without all
    bench/accuracy.py small-food --data food.beton --folder food/ --out runs/food --plot food.png

Training is timed from the packed file on, evaluation not counted. Accuracy is that of the last
weights, averaged where the preset averages them, on --test-split, by which nothing is chosen. Where
the report's recipe takes too long to be trained, its cost is measured over some batches and
extrapolated, and marked as such; else it is trained, as its own script does it, for as long as ours
took with the same seed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace.bench.core.flag_values import parse_bench
from headrace.bench.core.kept_row import Row
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table
from headrace.bench.reaching.accuracy_chart import accuracy_chart
from headrace.bench.reaching.one_run import train_once
from headrace.bench.reaching.report_cost import report_cost
from headrace.bench.reaching.settings import AccuracySettings
from headrace.bench.reaching.studies import STUDIES
from headrace.pipeline.command_line import run_command
from headrace.pipeline.device import resolve_device
from headrace.train.trials.interval import over_runs

COLUMNS = (
    Column("what", "way"),
    Column("accuracy, mean", "accuracy", ".4f"),
    Column("95% from", "low", ".4f"),
    Column("to", "high", ".4f"),
    Column("one view", "plain", ".4f"),
    Column("than ours", "gain", "+.4f"),
    Column("s", "seconds", ",.0f"),
    Column("epochs", "epochs", ".1f"),
    Column("seeds", "seeds"),
)
REPORT = "the report's recipe"


def measure(given: AccuracySettings) -> list[Row]:
    """Trains what is not there yet; a row for each way and seed."""
    study = STUDIES[given.preset]
    rows = []
    for seed in given.seeds:
        ours = _ours(given, seed, given.preset, "")
        rows.append(ours)
        for part in given.without:
            rows.append(_ours(given, seed, f"without {part}", study.parts[part]))
        if given.report and study.report_runs and given.folder is not None:
            from headrace.bench.reaching.report_script import ReportJob, run_report_script

            job = ReportJob(
                data=given.data,
                folder=given.folder,
                test_split=given.test_split,
                seconds=ours["seconds"],
                seed=seed,
                device=resolve_device(given.device),
            )
            rows.append({"way": REPORT, "seed": seed, **run_report_script(job)})
    return rows


def _ours(given: AccuracySettings, seed: int, way: str, less: str) -> Row:
    flags = [*less.split(), "--seed", str(seed), "--device", given.device]
    flags += ["--limit-batches", str(given.limit_batches)] if given.limit_batches else []
    flags += ["--epochs", str(given.epochs)] if given.epochs else []
    folder = given.out / f"{way.replace(' ', '-')}-{seed}"
    found = train_once(given.preset, folder, given.data, given.test_split, flags)
    return {"way": way, "seed": seed, **found}


def summarise(rows: Sequence[Row]) -> list[Row]:
    """A row for each way: means over the seeds, and what it has more than the first, by seed."""
    first = {row["seed"]: row["accuracy"] for row in rows if row["way"] == rows[0]["way"]}
    found = []
    for way in dict.fromkeys(row["way"] for row in rows):
        some = [row for row in rows if row["way"] == way]
        told = over_runs([row["accuracy"] for row in some])
        low, high = told["ci95"] or (None, None)
        gain = over_runs([row["accuracy"] - first[row["seed"]] for row in some])["mean"]
        means = {
            key: over_runs([row[key] for row in some])["mean"]
            for key in ("plain", "seconds", "epochs")
        }
        found.append(
            {
                "way": way,
                "accuracy": told["mean"],
                "low": low,
                "high": high,
                "gain": None if way == rows[0]["way"] else gain,
                **means,
                "seeds": len(some),
            }
        )
    return found


def verdicts(given: AccuracySettings, told: Sequence[Row]) -> list[str]:
    """Whether what is asked of the preset was met, a line each."""
    study, ours = STUDIES[given.preset], told[0]
    lines = []
    if study.target is not None and study.minutes is not None:
        minutes = ours["seconds"] / 60
        asked = f"{study.target} within {study.minutes:g} min"
        met = ours["accuracy"] >= study.target and minutes <= study.minutes
        lines.append(_verdict(asked, met, f"{ours['accuracy']:.4f} in {minutes:.1f} min"))
    if study.more_than_report is not None:
        asked = f"{study.more_than_report:.2f} more than the report's recipe in the same time"
        gains = [-row["gain"] for row in told if row["way"] == REPORT]
        lines += [_verdict(asked, gain >= study.more_than_report, f"{gain:+.4f}") for gain in gains]
    return lines


def _verdict(asked: str, met: bool, found: str) -> str:
    return f"asked: {asked}; {'met' if met else 'missed'}: {found}"


def main(arguments: Sequence[str] = ()) -> int:
    """Command line; see the module's text."""
    arguments = arguments or sys.argv[1:]
    given = parse_bench(AccuracySettings, "bench accuracy", arguments)
    rows = measure(given)
    told = summarise(rows)
    study = STUDIES[given.preset]
    sections: dict[str, Any] = {}
    if given.report and not study.report_runs:
        with tempfile.TemporaryDirectory(prefix="headrace-bench-") as scratch:
            sections["extrapolated"] = report_cost(study.report, given, Path(scratch))
    print(table(told, COLUMNS))
    if "extrapolated" in sections:
        cost = sections["extrapolated"]
        print(
            f"{cost['preset']}: {cost['images_per_s']:.0f} images/s over {cost['batches']} "
            f"batches, so its {cost['epochs']} epochs take {cost['minutes']:.0f} min (extrapolated)"
        )
    for line in verdicts(given, told):
        print(line)
    if given.json:
        command = command_line("bench/accuracy.py", arguments)
        write_json(given.json, command=command, rows=rows, accuracy=told, **sections)
    if given.plot:
        accuracy_chart(given.plot, rows, given.preset)
    return 0


if __name__ == "__main__":
    run_command(main)
