#!/usr/bin/env python3
"""Do made-up images help, where real ones are few? The same classifier without and with them.

    bench/generative.py --data cifar10.beton --out runs/generative --json generative.json
    bench/generative.py --data grocery.beton --out runs/made --per-class 10 0 --kinds flow gan

For each number of real images and each seed: a classifier of these images; a generator that learns
from the same images, no others, and draws labelled ones; the same classifier, for as many steps,
of both; and one of the real images alone that may take as much time as generator and classifier
together, of the processor's or, where a GPU computes, of the clock. Accuracy is that of the last
weights on --test-split, by which nothing is chosen.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from headrace.bench.core.flag_values import parse_bench
from headrace.bench.core.kept_row import Row
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table
from headrace.bench.generating.cell import Cell, train_judge
from headrace.bench.generating.settings import GenerativeSettings
from headrace.pipeline.command_line import run_command
from headrace.train.trials.interval import over_runs

COLUMNS = (
    Column("real, a class", "per_class"),
    Column("trained on", "form"),
    Column("accuracy, mean", "mean", ".4f"),
    Column("more than real alone", "gain", "+.4f"),
    Column("95% from", "low", "+.4f"),
    Column("to", "high", "+.4f"),
    Column("CPU s", "cpu_s", ".0f"),
    Column("s", "seconds", ".0f"),
)
MADE = (
    Column("real, a class", "per_class"),
    Column("generator", "generator"),
    Column("images seen", "images_seen", ",.0f"),
    Column("CPU s", "fit_cpu_s", ".0f"),
    Column("Frechet", "frechet", ".2f"),
    Column("of real", "frechet_real", ".2f"),
    Column("precision", "precision", ".2f"),
    Column("recall", "recall", ".2f"),
    Column("intended class", "fidelity", ".2f"),
    Column("copies", "copies", ".2f"),
)


def measure(given: GenerativeSettings) -> list[Row]:
    """Trains what is not there yet; the rows of all cells."""
    torch.set_num_threads(1)  # so that CPU seconds are those of the work, not of waiting threads
    judge = train_judge(given)
    cells = [(count, seed) for seed in given.seeds for count in given.per_class]
    return [row for count, seed in cells for row in Cell(given, count, seed, judge).rows()]


def summarise(rows: Sequence[Row]) -> list[Row]:
    """A row for each number of real images and each form: accuracy, and what it adds, by seed."""
    found = []
    for count, form in _each(rows, "form"):
        some = _of(rows, count, "form", form)
        alone = {row["seed"]: row["accuracy"] for row in _of(rows, count, "form", "real")}
        gains = over_runs([row["accuracy"] - alone[row["seed"]] for row in some])
        low, high = gains["ci95"] or (None, None)
        told = over_runs([row["accuracy"] for row in some])
        mean = {"mean": told["mean"], "each": told["runs"], "gain": gains["mean"]}
        spent = {key: over_runs([row[key] for row in some])["mean"] for key in ("cpu_s", "seconds")}
        nothing = form == "real"
        interval = {"low": None if nothing else low, "high": None if nothing else high}
        found.append({"per_class": count or "all", "form": form, **mean, **interval, **spent})
    return found


def summarise_made(rows: Sequence[Row]) -> list[Row]:
    """A row for each number of real images and each generator: means over the seeds."""
    found = []
    for count, kind in _each(rows, "generator"):
        some = [_flat(row) for row in _of(rows, count, "generator", kind)]
        means = {
            column.key: over_runs([row[column.key] for row in some])["mean"] for column in MADE[2:]
        }
        found.append({"per_class": count or "all", "generator": kind, **means})
    return found


def _flat(row: Mapping[str, Any]) -> Row:
    drawn, real = row["drawn"], row["real"]
    return {**row, **drawn, "frechet_real": real["frechet"]}


def _each(rows: Sequence[Row], key: str) -> Iterator[tuple[int, str]]:
    pairs = dict.fromkeys((row["per_class"], row[key]) for row in rows if key in row)
    # All real images, which is 0, is the largest number of them.
    yield from sorted(pairs, key=lambda pair: pair[0] or math.inf)


def _of(rows: Sequence[Row], count: int, key: str, value: str) -> list[Row]:
    return [row for row in rows if row["per_class"] == count and row.get(key) == value]


def main(arguments: Sequence[str] = ()) -> int:
    """Command line; see the module's text."""
    arguments = arguments or sys.argv[1:]
    given = parse_bench(GenerativeSettings, "bench generative", arguments)
    rows = measure(given)
    print(table(summarise(rows), COLUMNS))
    print(table(summarise_made(rows), MADE))
    if given.json:
        command = command_line("bench/generative.py", arguments)
        told = {"classifiers": summarise(rows), "generators": summarise_made(rows)}
        write_json(given.json, command=command, rows=rows, **told)
    return 0


if __name__ == "__main__":
    run_command(main)
