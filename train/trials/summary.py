"""The numbers of several runs together: summary.json, and a table for the screen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headrace.pipeline.output_files import written
from headrace.pipeline.plain_json import read_json
from headrace.train.evaluation.scoring import Scores
from headrace.train.metrics import DECIDING
from headrace.train.trials.interval import over_runs

_SHOWN = ("accuracy", "macro_f1", "loss")


def metrics_of(scores: Sequence[Scores]) -> dict[str, Any]:
    """Mean, deviation, interval and all values of every metric, and of the loss, by name."""
    plain = [{**one.plain(), "loss": one.loss} for one in scores]
    return {name: over_runs([row[name] for row in plain]) for name in DECIDING}


def write_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """Writes summary.json; see docs/training/held-out.md for its keys.

    Raises:
        HeadraceError: if the file cannot be written.
    """
    with written(path) as file:
        file.write(json.dumps(summary, indent=1).encode() + b"\n")


def read_summary(path: Path) -> dict[str, Any]:
    """What `write_summary` wrote; nothing where there is none, or it is damaged."""
    try:
        found = read_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def table(summary: Mapping[str, Any]) -> list[str]:
    """Lines for the screen: a row for each run, then mean and deviation, then the interval."""
    trained = summary["trained"]
    best_by = summary["best_by"]
    names = [*_SHOWN, *([best_by] if best_by not in _SHOWN else [])]
    rows = [["", *names, "best epoch"]]
    for number, (run, state) in enumerate(trained.items()):
        values = [_number(summary[name]["runs"][number]) for name in names]
        rows.append([run, *values, f"{state['best_epoch'] + 1} of {state['epochs']}"])
    spread = [f"{_number(summary[n]['mean'])} ± {_number(summary[n]['std'])}" for n in names]
    rows.append(["mean ± std", *spread, ""])
    intervals = [summary[name]["ci95"] for name in names]
    spoken = ["-" if i is None else " to ".join(map(_number, i)) for i in intervals]
    rows.append(["95% interval", *spoken, ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if number == 0 else text.rjust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
