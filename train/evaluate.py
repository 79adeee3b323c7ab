#!/usr/bin/env python3
"""Measure a trained checkpoint, or an ensemble of several, on labelled samples.

    train/evaluate.py runs/food11-resnet18-strided-1 food11.beton --split val --json out.json

Each image is seen once, as after each epoch of training. The JSON holds every metric, the
confusion matrix and a row for each class; see docs/training/predictions.md.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.records import Records
from headrace.pipeline.wording import shown
from headrace.train.data.real_only import check_real
from headrace.train.device.own_defaults import torch_defaults
from headrace.train.evaluation.answers import Answers
from headrace.train.evaluation.asking import AskConfig
from headrace.train.evaluation.members import load_members
from headrace.train.evaluation.report import full_report, metrics_line, outcome_lines
from headrace.train.next_lines import to_predict


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(AskConfig):
    """Measure trained checkpoints on labelled samples."""

    split: str = "val"
    """Split to measure on, or several; `all` takes every sample. Samples without a label are left
    out."""
    json: JsonFile = None
    """Write every number here: metrics, temperature, confusion matrix, and each class' own."""


@torch_defaults()
def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Carries out one evaluation: shows the metrics, and writes and returns all of it.

    Raises:
        HeadraceError: if there is nothing to measure on, or a file cannot be read or written.
    """
    config.check_outputs({"--json": str(config.json)} if config.json else {})
    members = load_members(config.checkpoints)
    classes = members[0].classes
    split = None if config.split == "all" else config.split
    with ExitStack() as resources:
        records = resources.enter_context(Records.open(config.data))
        answers = Answers(config, records, members, split, resources)
        if not (records.labels[records.select(split)] >= 0).any():
            raise ConfigError(
                f"--split {config.split} of {config.data} has no labelled sample to measure on; "
                f"choose another, or use {called('predict')}"
            )
        advice = f"choose another split, or use {called('predict')}"
        check_real(records, records.select(split), f"--split {config.split}", advice)
        check_json(config.json)
        outcome = answers.ask()
    report = {
        "checkpoints": list(config.checkpoints),
        "data": config.data,
        "split": config.split,
        **({"ensemble": config.ensemble} if len(members) > 1 else {}),
        **full_report(outcome, classes),
    }
    write_json(config.json, report)
    for line in (*outcome_lines(outcome, classes), metrics_line(report)):
        print(shown(line))
    if config.json:
        print(f"wrote {config.json}")
    print(shown(to_predict(*config.checkpoints)))
    return report


def main() -> None:
    evaluate(parse(EvaluateConfig, called("evaluate")))


if __name__ == "__main__":
    run_command(main)
