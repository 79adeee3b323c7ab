"""Several runs: recall of each class, and settings that are not the same in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.train.metrics.class_counts import count_classes
from headrace.train.reporting.elements import NONE, Column, Section, Table, number_cell, text_cell
from headrace.train.reporting.run_log import RunLog
from headrace.train.reporting.sections.per_class import FILTERED
from headrace.train.reporting.sections.run_settings import OF_THE_PLACE, value_text
from headrace.train.reporting.subject import Subject
from headrace.train.settings.config_file import to_flat


def classes(subjects: Sequence[Subject], names: Sequence[str]) -> Section | None:
    """A row for each class; None unless two runs or more know the same ones."""
    known = [
        (name, judged)
        for subject, name in zip(subjects, names, strict=True)
        if (judged := subject.labelled) is not None
    ]
    if len(known) < 2 or any(judged.classes != known[0][1].classes for _, judged in known):
        return None
    counted = [count_classes(judged.labelled, len(judged.classes)) for _, judged in known]
    rows = []
    for label, name in enumerate(known[0][1].classes):
        cells = [text_cell(name), number_cell(counted[0].support[label])]
        for counts in counted:
            recall = float(counts.recall[label]) if counts.support[label] else None
            cells.append(number_cell(recall, "{:.0%}", share=recall))
        rows.append(cells)
    columns = [
        Column(name="Class"),
        Column(name="Samples", number=True),
        *(Column(name=name, number=True) for name, _ in known),
    ]
    table = Table(
        id="recalls",
        caption="Recall of each class in every run",
        columns=columns,
        rows=rows,
        sortable=True,
        filtered=len(rows) >= FILTERED,
    )
    return Section(id="classes_beside", title="Classes", values={"table": table})


def settings(logs: Sequence[RunLog], names: Sequence[str]) -> Section:
    """The settings of which two runs have different values."""
    return differing([to_flat(log.config) for log in logs], names)


def differing(flats: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Section:
    """The settings of which two runs have different values.

    Args:
        flats: each run's settings by name.
        names: the runs', in the same order.
    """
    keys = list(dict.fromkeys(key for flat in flats for key in flat))
    absent = object()
    rows = []
    for key in keys:
        values = [flat.get(key, absent) for flat in flats]
        if key in OF_THE_PLACE or all(value == values[0] for value in values):
            continue
        rows.append(
            [text_cell(key), *(text_cell(NONE if v is absent else value_text(v)) for v in values)]
        )
    columns = [Column(name="Setting"), *(Column(name=name) for name in names)]
    table = Table(
        id="settings", caption="Settings that differ between the runs", columns=columns, rows=rows
    )
    return Section(id="settings_beside", title="Settings that differ", values={"table": table})
