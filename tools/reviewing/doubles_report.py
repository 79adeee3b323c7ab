"""Images that are there twice as a table and as a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from headrace.pipeline.records import Records
from headrace.tools.packing.class_rows import class_title
from headrace.tools.reviewing.captioned_sheet import Captioned, draw_captioned
from headrace.tools.reviewing.double_kinds import NO_FOLD, TWO_LABELS, Doubles
from headrace.train.evaluation.prediction_csv import csv_rows

COLUMNS = "group wrong record name split fold label class bits".split()
_ACROSS = 6


def write_doubles(
    path: Path,
    doubles: Sequence[Doubles],
    records: Records,
    splits: Sequence[str],
    folds: np.ndarray,
) -> None:
    """Writes one row per sample, group after group.

    The columns: group (its number), wrong (what is wrong with it), record, name, split, fold (empty
    in none), label and class (empty without one), bits (in which its hash differs from the first).

    Args:
        path: of the CSV.
        doubles: the groups.
        records: all samples.
        splits: (N,) of all records.
        folds: (N,) int64 of all records, NO_FOLD where there is none.

    Raises:
        HeadraceError: if the file cannot be written.
    """
    with csv_rows(path) as rows:
        rows.writerow(COLUMNS)
        for number, one in enumerate(doubles):
            pairs = zip(one.group.indices.tolist(), one.group.distances.tolist(), strict=True)
            for index, bits in pairs:
                label, fold = int(records.labels[index]), int(folds[index])
                rows.writerow(
                    [
                        number,
                        " and ".join(one.wrong),
                        index,
                        records.name(index),
                        splits[index],
                        "" if fold == NO_FOLD else fold,
                        "" if label < 0 else label,
                        _class(records, label),
                        bits,
                    ]
                )


def draw_doubles(
    path: Path,
    doubles: Sequence[Doubles],
    records: Records,
    splits: Sequence[str],
    folds: np.ndarray,
) -> None:
    """Draws a row for each group, with split, class and name below each image; arguments as above.

    What is wrong is red: the split, or the class. Of a large group the first samples are drawn.

    Raises:
        HeadraceError: if the PNG cannot be written.
    """
    rows = []
    for number, one in enumerate(doubles):
        images = []
        for index in one.group.indices[:_ACROSS].tolist():
            fold = "" if folds[index] == NO_FOLD else f", fold {folds[index]}"
            place, name = f"{splits[index]}{fold}", _class(records, int(records.labels[index]))
            lines = (
                place if one.wrong == (TWO_LABELS,) else f"!{place}",
                f"!{name}" if TWO_LABELS in one.wrong else name,
                records.name(index).rpartition("/")[2],
            )
            images.append(Captioned(index=index, lines=lines))
        more = len(one.group.indices) - _ACROSS
        title = [f"group {number}", *one.wrong, *([f"{more} more"] if more > 0 else [])]
        rows.append(("\n".join(title), images))
    draw_captioned(records, rows, path)


def _class(records: Records, label: int) -> str:
    return "" if label < 0 else class_title(records.manifest.classes, label)
