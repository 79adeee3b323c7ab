"""Doubtful labels as a table and as a contact sheet."""

from __future__ import annotations

from pathlib import Path

from headrace.pipeline.records import Records
from headrace.tools.reviewing.captioned_sheet import Captioned, draw_captioned
from headrace.tools.reviewing.label_doubts import Doubts
from headrace.train.evaluation.prediction_csv import csv_rows
from headrace.train.trials.out_of_fold import OutOfFold

COLUMNS = (
    "record name fold label class probability predicted predicted_class predicted_probability "
    "margin sure"
).split()
_ACROSS = 8


def write_labels(path: Path, doubts: Doubts, found: OutOfFold) -> None:
    """Writes one row per sample, the most doubtful first.

    The columns: record (its number), name, fold, label and class as given with their probability,
    predicted with its class and probability, margin (the one probability less the other), sure (1
    where the prediction is above its class' threshold).

    Raises:
        HeadraceError: if the file cannot be written.
    """
    classes = found.classes.tolist()
    with csv_rows(path) as rows:
        rows.writerow(COLUMNS)
        for rank, place in enumerate(doubts.places.tolist()):
            label, predicted = int(found.labels[place]), int(doubts.predicted[rank])
            rows.writerow(
                [
                    int(found.indices[place]),
                    found.names[place],
                    int(found.fold[place]),
                    label,
                    classes[label],
                    f"{doubts.own[rank]:.4f}",
                    predicted,
                    classes[predicted],
                    f"{doubts.other[rank]:.4f}",
                    f"{doubts.margin[rank]:.4f}",
                    int(doubts.confident[rank]),
                ]
            )


def draw_labels(path: Path, doubts: Doubts, found: OutOfFold, records: Records, top: int) -> None:
    """Draws the first samples with their given label and, in red, what they look like.

    Raises:
        HeadraceError: if the PNG cannot be written.
    """
    classes = found.classes.tolist()
    images = []
    for rank, place in enumerate(doubts.places[:top].tolist()):
        given, predicted = classes[found.labels[place]], classes[doubts.predicted[rank]]
        lines = (
            f"{given} {doubts.own[rank]:.2f}",
            f"!{predicted} {doubts.other[rank]:.2f}",
            str(found.names[place]).rpartition("/")[2],
        )
        images.append(Captioned(index=int(found.indices[place]), lines=lines))
    starts = range(0, len(images), _ACROSS)
    rows = [(f"{s + 1} ...\ngiven,\nrather", images[s : s + _ACROSS]) for s in starts]
    draw_captioned(records, rows, path)
