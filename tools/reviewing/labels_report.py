"""Doubtful labels as a table and as a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
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
        lines = (  # a name has a line of its own, to be readable below a small picture
            f"labelled ({doubts.own[rank]:.2f})",
            given,
            f"!looks like ({doubts.other[rank]:.2f})",
            f"!{predicted}",
            str(found.names[place]).rpartition("/")[2],
        )
        images.append(Captioned(index=int(found.indices[place]), lines=lines))
    draw_captioned(records, _rows(images), path)


def _rows(images: Sequence[Captioned]) -> list[tuple[str, Sequence[Captioned]]]:
    """Rows of a sheet, each headed by which of the list it shows."""
    rows = []
    for start in range(0, len(images), _ACROSS):
        row = images[start : start + _ACROSS]
        last = f" to {start + len(row)}" if len(row) > 1 else ""
        rows.append((f"number\n{start + 1}{last}", row))
    return rows
