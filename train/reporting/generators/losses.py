"""How a generator's training went, step by step: its losses and its speed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from headrace.train.reporting import plotting
from headrace.train.reporting.elements import Chart, Column, Section, Table, number_cell
from headrace.train.reporting.generators.log import GeneratorLog
from headrace.train.reporting.generators.material import GeneratorSubject
from headrace.train.reporting.generators.overview import MEANINGS
from headrace.train.reporting.run_log import Row
from headrace.train.reporting.sections.curves import speed, thinned

MOST_EPOCHS = 400


def make(subject: GeneratorSubject) -> Section | None:
    """A curve for each loss, the speed, and every epoch in numbers."""
    log = subject.log
    if not log.steps:
        subject.gaps.append("There are no curves: the log has no row of a step.")
        return None
    charts = [loss_chart([log], [""], name) for name in log.losses]
    charts.append(speed(log.steps))
    values = {"charts": charts, "table": _epochs(log)}
    return Section(id="curves", title="Curves", values=values)


def loss_chart(logs: Sequence[GeneratorLog], names: Sequence[str], loss: str) -> Chart:
    """A loss by steps.

    Args:
        logs: of one kind.
        names: of the runs, "" of a single one.
        loss: its name in the log.
    """
    kind = logs[0].config.kind
    meaning = MEANINGS.get((kind, loss), loss)
    plot = plotting.new_plot(x="step", y=meaning)
    plotting.axis_in_plain_numbers(plot)
    entries, said = [], []
    for number, (log, name) in enumerate(zip(logs, names, strict=True)):
        rows = [row for row in thinned(log.steps) if isinstance(row.get(loss), int | float)]
        if not rows:
            continue
        steps, values = [row["step"] for row in rows], [row[loss] for row in rows]
        dash = plotting.DASHES[number % len(plotting.DASHES)]
        marker = plotting.marker_of(number)
        line = plotting.add_line(plot, steps, values, number, dash, marker)
        line.name = name
        tip = "step @x{0,0}: <b>@y{0.0000}</b>"
        plotting.add_hover(plot, [line], f"$name<br>{tip}" if name else tip)
        entries.append((name, [r for r in plot.renderers if r.data_source is line.data_source]))
        said.append(f"{name} from {values[0]:.4f} to {values[-1]:.4f}".strip())
    if any(names):
        plotting.add_legend(plot, entries)
    title = "Loss" if loss == "loss" else loss.capitalize()
    title = f"{title} of a {kind}" if any(names) else title
    alt = f"{meaning[0].upper()}{meaning[1:]}: {', '.join(said)}."
    item = plotting.to_item(plot)
    return Chart(id=f"{kind}-{loss}", title=title, alt=alt, item=item, group="steps")


def _epochs(log: GeneratorLog) -> Table:
    """Means of each epoch's rows, by the steps that each row is of."""
    before, found = 0, []
    for epoch, group in groupby(log.steps, lambda row: row["epoch"]):
        rows = list(group)
        ends = [before, *(row["step"] for row in rows)]
        found.append((epoch, rows, np.maximum(np.diff(ends), 1)))
        before = ends[-1]
    names = [*log.losses, "images_per_s", "data_wait"]
    columns = [
        Column(name="Epoch", number=True),
        *(Column(name=name.capitalize(), number=True) for name in log.losses),
        Column(name="Images/s", number=True),
        Column(name="Data wait", number=True),
    ]
    forms = [*["{:.4f}"] * len(log.losses), "{:,.0f}", "{:.1%}"]
    rows_ = [
        [number_cell(epoch + 1)]
        + [
            number_cell(_mean(rows, name, counts), form)
            for name, form in zip(names, forms, strict=True)
        ]
        for epoch, rows, counts in _at_most(found)
    ]
    return Table(
        id="epochs", caption="Every epoch in numbers", columns=columns, rows=rows_, sortable=True
    )


def _at_most(
    found: list[tuple[int, list[Row], np.ndarray]],
) -> list[tuple[int, list[Row], np.ndarray]]:
    places = np.unique(np.linspace(0, len(found) - 1, min(MOST_EPOCHS, len(found))).astype(int))
    return [found[place] for place in places]


def _mean(rows: list[Row], name: str, counts: np.ndarray) -> float | None:
    values = [row.get(name) for row in rows]
    if not all(isinstance(value, int | float) for value in values):
        return None
    return float(np.average(np.array(values, np.float64), weights=counts))
