#!/usr/bin/env python3
"""Predict the classes of samples with a trained checkpoint, or an ensemble of several.

    train/predict.py runs/food11-resnet18-strided-1 food11.beton --split test --csv out.csv
    train/predict.py runs/fold* food11.beton --tta 5 --submission out.csv

The image size, the evaluation crop and the normalisation come from each checkpoint. With labels,
prints the accuracy. The CSV has one row per sample: name, label (the true class, or nothing),
predicted, class, confidence.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tyro.conf import arg

from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.output_files import check_ending, check_writable
from headrace.pipeline.records import Records
from headrace.pipeline.split_names import split_called
from headrace.pipeline.wording import counted, shown
from headrace.train.device.own_defaults import torch_defaults
from headrace.train.evaluation.answers import Answers
from headrace.train.evaluation.asking import AskConfig
from headrace.train.evaluation.members import load_members
from headrace.train.evaluation.outcome import Outcome
from headrace.train.evaluation.prediction_csv import write_csv, write_submission
from headrace.train.evaluation.probabilities import write_npz
from headrace.train.evaluation.report import outcome_lines
from headrace.train.evaluation.scoring import score
from headrace.train.settings.technique import check
from headrace.train.settings.views import NAMES, ViewConfig

USUAL_SPLIT, RUN = "test", "run"
WRITERS = {"csv": write_csv, "submission": write_submission, "npz": write_npz}
ENDINGS = {"csv": (".csv", ".tsv", ".txt"), "submission": (".csv", ".txt"), "npz": (".npz",)}


@dataclass(frozen=True, kw_only=True)
class PredictConfig(AskConfig):
    """Predict the classes of samples with trained checkpoints."""

    split: Annotated[str, arg(help_behavior_hint="")] = ""
    """Split to predict, or several; `all` takes every sample. By default test, or the only one that
    there is."""
    tta: Annotated[int | str, arg(metavar=f"N|{'|'.join(NAMES)}|run", help_behavior_hint="")] = RUN
    """Test-time augmentation: average over the image and N draws of the run's own training
    augmentation, its mirror image (flip), crops of its corners and middle (five-crops; ten-crops:
    mirrored too), or its middle at several scales; by default what the run's settings say, mostly
    nothing (0)."""
    tta_weight: Annotated[float | None, arg(help_behavior_hint="")] = None
    """Weight of the image as it is, by default 0.5; the other views share the rest."""
    tta_scales: Annotated[tuple[float, ...], arg(help_behavior_hint="")] = ()
    """Sides of the boxes that five-crops, ten-crops and scales cut, as shares of the largest that
    fits; by default 0.875, for scales 1 0.875 0.75."""
    seed: int = 0
    """Of the draws of --tta; they stay the same for the same --batch-size."""
    csv: Annotated[str, arg(metavar="FILE", help_behavior_hint="")] = ""
    """Write name, label (the true class, or nothing), predicted, class and confidence of each
    sample here."""
    submission: Annotated[str, arg(metavar="FILE", help_behavior_hint="")] = ""
    """Write the homework's CSV here: Id,Category, with ids from 0000 in the order of file names."""
    npz: Annotated[str, arg(metavar="FILE", help_behavior_hint="")] = ""
    """Write all probabilities here, as arrays of NumPy."""
    json: JsonFile = None
    """Write what was predicted, how well where labels are known, and the files' paths here."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(0 <= self.seed < 2**63, "seed", self.seed, "0 to 2**63 - 1")
        if self.tta != RUN:
            self.views(ViewConfig())  # which checks them

    def views(self, usual: ViewConfig) -> ViewConfig:
        """What --tta, --tta-weight and --tta-scales ask for.

        Args:
            usual: what a run's own settings say.

        Raises:
            ConfigError: for what cannot work, alone or with what the run says.
        """
        base = usual if self.tta == RUN else ViewConfig(tta=self.tta)
        given = {"tta_weight": self.tta_weight, "tta_scales": self.tta_scales or None}
        changed: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        return dataclasses.replace(base, **changed)


@torch_defaults()
def predict(config: PredictConfig) -> Outcome:
    """Carries out one prediction: shows what it found and writes the files that were asked for.

    Raises:
        HeadraceError: if a file cannot be read or written, or labels are none of the model's.
    """
    files = {name: Path(getattr(config, name)) for name in WRITERS if getattr(config, name)}
    check_json(config.json)
    outputs = {**files, **({"json": config.json} if config.json else {})}
    config.check_outputs({f"--{name}": str(path) for name, path in outputs.items()})
    for name, path in files.items():
        check_ending(path, f"--{name}", *ENDINGS[name])
    members = load_members(config.checkpoints)
    classes = members[0].classes
    with ExitStack() as resources:
        records = resources.enter_context(Records.open(config.data))
        split = chosen_split(records, config.split)
        answers = Answers(config, records, members, split, resources)
        for name, path in files.items():
            check_writable(path, f"--{name}")
        for line in split_lines(records, split):
            print(shown(line))
        if not outputs:
            flags = ", ".join(f"--{name}" for name in WRITERS)
            print(f"no answer is kept, as none of {flags} is given")
        outcome = answers.ask(lambda member: config.views(member.views()), config.seed)
        for line in outcome_lines(outcome, classes):
            print(shown(line))
        for name, path in files.items():
            WRITERS[name](path, outcome, records, classes)
            print(f"wrote {path}: {len(outcome.indices)} rows")
        if config.json is not None:
            write_json(config.json, _told(config, split, outcome, len(classes), files))
    return outcome


def _told(
    config: PredictConfig,
    split: str | None,
    outcome: Outcome,
    num_classes: int,
    files: Mapping[str, Path],
) -> dict[str, Any]:
    """A prediction for programs."""
    scores = score(outcome, num_classes, ("accuracy", "macro_accuracy"))
    return {
        "checkpoints": config.checkpoints,
        "data": config.data,
        "split": split or "all",
        "samples": len(outcome.indices),
        "labelled": scores.count,
        **(scores.plain() if scores.count else {}),
        "files": files,
    }


def chosen_split(records: Records, asked: str) -> str | None:
    """The split to predict, None for every sample; where nothing is asked for, the usual one.

    Raises:
        ConfigError: if there are several, none of which is the usual one.
    """
    if asked:
        return None if asked == "all" else asked
    splits = list(records.splits)
    if found := split_called(USUAL_SPLIT, splits):
        return found
    if len(splits) == 1:
        return splits[0]
    raise ConfigError(
        f"{records.source} has no split {USUAL_SPLIT!r}, but {', '.join(splits)}; choose with "
        "--split, or take --split all"
    )


def split_lines(records: Records, split: str | None) -> list[str]:
    """Which samples are predicted, and which are not, for the user."""
    chosen = records.select(split)
    taken = np.zeros(len(records), bool)
    taken[chosen] = True
    rest = {name: int((~taken[slice(*ends)]).sum()) for name, ends in records.splits.items()}
    named = [f"{count} of {name}" for name, count in rest.items() if count]
    found = split_called(split or "all", records.splits) or split or "all samples"
    line = f"predicting {found}: {len(chosen)} of {counted(len(records), 'sample')}"
    if named:
        line += f"; left out: {', '.join(named)} (--split all takes every sample)"
    skipped = records.manifest.skipped
    if not skipped:
        return [line]
    example = f"{skipped[0].name}: {skipped[0].reason}"
    when = "" if records.kind == "folder" else " when the data was packed"
    left_out = f"left out{when}, and so not predicted: {counted(len(skipped), 'file')}"
    return [line, f"{left_out} ({example})"]


def main() -> None:
    config = parse(PredictConfig, called("predict"))
    predict(config)
    if not any(getattr(config, name) for name in WRITERS):  # nothing was kept but in print
        print(shown(f"next: {called('predict', *sys.argv[1:], '--csv', 'answer.csv')}"))


if __name__ == "__main__":
    run_command(main)
