"""Each class by itself: how often it is found, and what it is taken for instead."""

from __future__ import annotations

import numpy as np

from headrace.train.metrics import confusion, metric_of
from headrace.train.reporting.elements import (
    NONE,
    TIMES,
    Cell,
    Column,
    Section,
    Table,
    interval_text,
    number_cell,
    text_cell,
)
from headrace.train.reporting.intervals import wilson
from headrace.train.reporting.judged import Judged
from headrace.train.reporting.subject import Subject

FILTERED = 15
"""From so many classes on, there is a field to search for one."""

COLUMNS = (
    Column(name="Class"),
    Column(name="Samples", number=True),
    Column(name="Recall", number=True, help="of the samples of the class, the share that is found"),
    Column(name="95% interval", number=True, help="of the recall (Wilson); sorts by its width"),
    Column(
        name="Precision", number=True, help="of what is taken for the class, the share that is it"
    ),
    Column(name="F1", number=True, help="harmonic mean of recall and precision"),
    Column(name="AUROC", number=True, help="area under the ROC curve against all other classes"),
    Column(name="Most often taken for"),
)


def make(subject: Subject) -> Section | None:
    """A row for each class."""
    judged = subject.labelled
    if judged is None:
        return None
    rows = class_rows(judged)
    table = Table(
        id="classes",
        caption="Each class by itself",
        columns=COLUMNS,
        rows=rows,
        sortable=True,
        filtered=len(rows) >= FILTERED,
    )
    labels = judged.labelled.labels
    absent = len(judged.classes) - len(np.unique(labels))
    return Section(id="per_class", title="Classes", values={"table": table, "absent": absent})


def class_rows(judged: Judged) -> list[list[Cell]]:
    """The cells of COLUMNS; numbers that a class without a sample cannot have are dashes."""
    numbers = metric_of("per_class").compute(judged.labelled, len(judged.classes))
    counts = np.array(confusion.compute(judged.labelled, len(judged.classes)))
    np.fill_diagonal(counts, 0)
    rows = []
    for label, row in enumerate(numbers):
        count, recall = row["count"], row["recall"] if row["count"] else None
        low, high = wilson(row["recall"] * count, count)
        precision = row["precision"] if row["predicted"] else None
        f1 = row["f1"] if count or row["predicted"] else None
        taken = int(counts[label].argmax())
        other = text_cell(NONE)
        if counts[label, taken]:
            other = text_cell(judged.classes[taken], note=f"{counts[label, taken]}{TIMES}")
        spread = (
            Cell(text=interval_text((low, high)), value=high - low) if count else Cell(text=NONE)
        )
        rows.append(
            [
                text_cell(judged.classes[label]),
                number_cell(count),
                number_cell(recall, "{:.1%}", share=recall),
                spread,
                number_cell(precision, "{:.1%}", share=precision),
                number_cell(f1, "{:.1%}", share=f1),
                number_cell(row["auroc"], "{:.3f}"),
                other,
            ]
        )
    return rows
