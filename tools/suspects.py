#!/usr/bin/env python3
"""Find samples to look at again, after train/run.py --folds.

    tools/suspects.py runs/folds
    tools/suspects.py runs/folds --data food11.beton --out suspects

Writes labels.csv and labels.png, the samples whose given label the folds that have not seen them
disagree with, the most doubtful first; and doubles.csv and doubles.png, images that look the same
and lie in two splits or two folds, or have two labels. See docs/training/held-out.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from tyro.conf import Positional, arg

from headrace.pipeline.bars import bar
from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, parse
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.records import Records
from headrace.pipeline.wording import counted, shown
from headrace.tools.reviewing.double_kinds import (
    NO_FOLD,
    TWO_FOLDS,
    TWO_LABELS,
    TWO_SPLITS,
    Doubles,
    judged,
    split_of_each,
)
from headrace.tools.reviewing.doubles_report import COLUMNS as DOUBLES_COLUMNS
from headrace.tools.reviewing.doubles_report import draw_doubles, write_doubles
from headrace.tools.reviewing.label_doubts import Doubts, find_doubts
from headrace.tools.reviewing.labels_report import COLUMNS as LABELS_COLUMNS
from headrace.tools.reviewing.labels_report import draw_labels, write_labels
from headrace.tools.reviewing.near_doubles import MOST_BITS, near_groups
from headrace.tools.reviewing.perceptual_hash import looks_of
from headrace.train.folder.resume import resume_command
from headrace.train.folder.runs_inside import TRIALS_NAME, name_a_run
from headrace.train.trials.folder import OUT_OF_FOLD_NAME, holds_trials, read_trials
from headrace.train.trials.out_of_fold import OutOfFold, read_out_of_fold

_SAID = 5
WEAK = 0.7
"""Below this accuracy of the folds, most samples that they doubt are labelled rightly: hardly any
data has so many wrong labels."""


@dataclass(frozen=True, kw_only=True)
class SuspectsSettings:
    """Find samples to look at again, after training by folds."""

    folder: Annotated[Path, Positional, arg(metavar="DIR")]
    """Folder of the runs that training with --folds has left."""
    data: Annotated[str, arg(metavar="F", help_behavior_hint="(default: what was trained on)")] = ""
    """.beton, shards or image folder."""
    out: Annotated[
        Path | None, arg(metavar="DIR", help_behavior_hint="(default: DIR/suspects)")
    ] = None
    """Folder to write into."""
    top: Annotated[int, arg(metavar="N")] = 40
    """How many samples, and groups of doubles, are drawn; the CSV files have all."""
    bits: Annotated[int, arg(metavar="N")] = 6
    """In how many of 64 bits of their hash images may differ that look the same."""
    no_doubles: Flag = False
    """Look at labels alone, and decode only what is drawn."""
    json: JsonFile = None
    """Write how much was found, and where the lists are, here."""

    def __post_init__(self) -> None:
        if not 1 <= self.top <= 400:
            raise ConfigError(f"--top {self.top}: expected 1 to 400")
        if not 0 <= self.bits <= MOST_BITS:
            raise ConfigError(f"--bits {self.bits}: expected 0 to {MOST_BITS}")


def find_suspects(settings: SuspectsSettings) -> tuple[Doubts, list[Doubles]]:
    """Writes the files and says what is in them.

    Returns:
        The doubtful labels, and the doubles in which something is wrong.

    Raises:
        HeadraceError: if there are no out-of-fold probabilities, they are of other data, or a file
            cannot be read or written.
    """
    folder = settings.folder
    check_json(settings.json)
    if not holds_trials(folder):
        made = called("train", "--data", "FILE", "--folds", 5, "--out", "runs/folds")
        otherwise = f"name the folder of such runs, made with `{made}`"
        raise ConfigError(
            f"{folder} holds no runs of --folds; {name_a_run(folder, otherwise, TRIALS_NAME)}"
        )
    found = read_out_of_fold(folder / OUT_OF_FOLD_NAME)
    out = folder / "suspects" if settings.out is None else settings.out
    with ExitStack() as resources:
        data = settings.data or read_trials(folder).config.data.data
        records = resources.enter_context(Records.open(data))
        _check_same(found, records, folder)
        _make(out)
        doubts = find_doubts(found)
        _report_labels(doubts, found, records, out, settings.top)
        doubles = [] if settings.no_doubles else _doubles(found, records, out, settings)
    told = {
        "out": out,
        "labelled": int((found.labels >= 0).sum()),
        "doubtful": len(doubts.places),
        "surely": int(doubts.confident.sum()),
        "doubles": None if settings.no_doubles else len(doubles),
    }
    write_json(settings.json, told)
    if len(doubts.places) > (1 - WEAK) * (found.labels >= 0).sum():
        longer = 2 * read_trials(folder).config.optim.epochs
        print(shown(f"next: {resume_command(folder, '--epochs', longer)}"))
    return doubts, doubles


def _check_same(found: OutOfFold, records: Records, folder: Path) -> None:
    """Refuses records that are not those that were trained on."""
    same = len(found.indices) == 0 or found.indices.max() < len(records)
    same = same and np.array_equal(records.labels[found.indices], found.labels)
    if not same or any(
        records.name(int(index)) != name
        for index, name in zip(found.indices, found.names.tolist(), strict=True)
    ):
        raise ConfigError(
            f"{records.source} holds other samples than {folder} was trained on; name that data "
            "with --data"
        )


def _make(out: Path) -> None:
    """Makes the folder; refuses one in which a list of such a name is another's, as of labels."""
    for name, columns in (("labels.csv", LABELS_COLUMNS), ("doubles.csv", DOUBLES_COLUMNS)):
        if (out / name).is_file() and not _begins_with(out / name, columns):
            raise ConfigError(
                f"{out / name} is in the way, which this command did not write; name another "
                "folder with --out"
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out} cannot be made: {error.strerror}") from None


def _begins_with(path: Path, columns: Sequence[str]) -> bool:
    with path.open("rb") as file:
        return file.readline(1000).strip() == ",".join(columns).encode()


def _report_labels(doubts: Doubts, found: OutOfFold, records: Records, out: Path, top: int) -> None:
    total, number = int((found.labels >= 0).sum()), len(doubts.places)
    for line in judge_lines(number, int(doubts.confident.sum()), total):
        print(line)
    classes = found.classes.tolist()
    for place, label, own, other in zip(
        doubts.places[:_SAID].tolist(),
        doubts.predicted.tolist(),
        doubts.own.tolist(),
        doubts.other.tolist(),
        strict=False,
    ):
        given = classes[found.labels[place]]
        line = (
            f"  {found.names[place]}: labelled {given} ({own:.2f}), looks like {classes[label]} "
            f"({other:.2f})"
        )
        print(shown(line))
    write_labels(out / "labels.csv", doubts, found)
    print(f"wrote {out / 'labels.csv'}")
    if number:
        draw_labels(out / "labels.png", doubts, found, records, top)
        print(f"wrote {out / 'labels.png'}: {min(top, number)} of them")


def judge_lines(doubtful: int, confident: int, total: int) -> list[str]:
    """How good the folds are as judges, and then what they doubt.

    Args:
        doubtful: samples that look like another class than theirs.
        confident: those of them that confident learning takes for errors.
        total: samples with a label.
    """
    accuracy = 1 - doubtful / max(total, 1)
    lines = [
        f"the folds answer as the labels do for {accuracy:.1%} of the {total} samples, none of "
        "which they have seen"
    ]
    if accuracy < WEAK:
        lines.append(
            "  that is a weak judge: most of what follows are its own mistakes, whatever their "
            "probability; better models (more epochs, published weights) find fewer and truer ones"
        )
    lines.append(
        f"labels: {doubtful} of {total} samples look like another class, {confident} of them with "
        "a probability above what that class' own samples have on average (confident learning)"
    )
    return lines


def _doubles(
    found: OutOfFold, records: Records, out: Path, settings: SuspectsSettings
) -> list[Doubles]:
    with bar(total=len(records), unit="image", desc="look", leave=False) as progress:
        looks = looks_of(records, progress.update)
    folds = np.full(len(records), NO_FOLD, np.int64)
    folds[found.indices] = found.fold
    splits = split_of_each(records)
    doubles, harmless = judged(near_groups(looks, settings.bits), records, splits, folds)
    counts = [
        f"{sum(what in one.wrong for one in doubles)} with {what}"
        for what in (TWO_LABELS, TWO_SPLITS, TWO_FOLDS)
    ]
    bad = f"; {counted(looks.num_bad, 'image')} cannot be decoded" if looks.num_bad else ""
    print(f"groups that look the same: {', '.join(counts)}, {harmless} harmless{bad}")
    write_doubles(out / "doubles.csv", doubles, records, splits, folds)
    print(f"wrote {out / 'doubles.csv'}")
    if doubles:
        draw_doubles(out / "doubles.png", doubles[: settings.top], records, splits, folds)
        print(f"wrote {out / 'doubles.png'}: {min(settings.top, len(doubles))} of them")
    return doubles


def main() -> None:
    find_suspects(parse(SuspectsSettings, called("suspects")))


if __name__ == "__main__":
    run_command(main)
