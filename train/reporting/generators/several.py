"""Several generators beside each other: what each is, their losses, settings that differ."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.pipeline.flat_settings import to_flat
from headrace.train.clock import spell
from headrace.train.reporting.elements import Cell, Column, Section, Table, number_cell, text_cell
from headrace.train.reporting.generators.log import GeneratorLog
from headrace.train.reporting.generators.losses import loss_chart
from headrace.train.reporting.generators.overview import in_words
from headrace.train.reporting.names import short_names
from headrace.train.reporting.page import render
from headrace.train.reporting.sections.beside import differing

_COLUMNS = (
    Column(name="Run"),
    Column(name="Last loss", number=True, help="of one kind and size only they compare"),
    Column(name="Epochs", number=True),
    Column(name="Steps", number=True),
    Column(name="Images seen", number=True),
    Column(name="Time", number=True),
    Column(name="Images/s", number=True, help="in training, median row"),
    Column(name="Parameters", number=True),
    Column(name="Generator"),
)


def page(logs: Sequence[GeneratorLog]) -> bytes:
    """The page; nothing is drawn for it."""
    names = short_names([log.folder for log in logs])
    made = (
        _table(logs, names),
        _curves(logs, names),
        differing([to_flat(log.config) for log in logs], names),
    )
    sections = [section for section in made if section is not None]
    return render(f"{len(logs)} generators", ", ".join(names), sections)


def _table(logs: Sequence[GeneratorLog], names: Sequence[str]) -> Section:
    rows = [_row(log, name) for log, name in zip(logs, names, strict=True)]
    gaps = [f"{name}: {gap}" for log, name in zip(logs, names, strict=True) for gap in log.gaps]
    table = Table(id="runs", caption="The generators", columns=_COLUMNS, rows=rows, sortable=True)
    words = (
        "A loss says how far a training has come, not how good its images are, and losses of two "
        "kinds do not compare. The page of a single run has its images."
    )
    values = {
        "headline": f"{len(logs)} generators",
        "words": words,
        "table": table,
        "pairs": None,
        "count": "",
        "gaps": gaps,
    }
    return Section(id="comparison", title="Verdict", values=values)


def _row(log: GeneratorLog, name: str) -> list[Cell]:
    total = log.seconds.get("total")
    return [
        text_cell(name, note="" if log.end else "cut off"),
        number_cell(log.steps[-1]["loss"] if log.steps else None, "{:.4f}"),
        number_cell(log.epochs_done),
        number_cell(log.num_steps),
        number_cell(log.num_steps * log.config.batch_size),
        number_cell(None) if total is None else Cell(text=spell(total), value=total),
        number_cell(log.median_rate),
        number_cell(log.parameters),
        text_cell(in_words(log)),
    ]


def _curves(logs: Sequence[GeneratorLog], names: Sequence[str]) -> Section | None:
    """A plot for each loss of each kind."""
    charts = []
    for kind in dict.fromkeys(log.config.kind for log in logs):
        some = [
            (log, name)
            for log, name in zip(logs, names, strict=True)
            if log.config.kind == kind and log.steps
        ]
        if not some:
            continue
        for loss in some[0][0].losses:
            charts.append(loss_chart([log for log, _ in some], [name for _, name in some], loss))
    if not charts:
        return None
    return Section(id="overlaid", title="Curves", values={"charts": charts})
