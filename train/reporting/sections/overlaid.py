"""Curves of several runs over each other, by epoch and by the time that it took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headrace.train.reporting import plotting
from headrace.train.reporting.elements import Chart, Column, Section, Table, number_cell, percent
from headrace.train.reporting.run_log import RunLog


def make(logs: Sequence[RunLog], names: Sequence[str]) -> Section | None:
    """Accuracy by epoch and by wall time, losses of validation and training."""
    if not any(log.epochs for log in logs):
        return None
    minutes = max((log.ends_s()[-1] for log in logs if log.epochs), default=0.0) > 300
    unit, divisor = ("minutes", 60.0) if minutes else ("seconds", 1.0)

    def by_epoch(log: RunLog) -> list[float]:
        return [row["epoch"] + 1 for row in log.epochs]

    def by_time(log: RunLog) -> list[float]:
        return [value / divisor for value in log.ends_s()]

    plots = [
        ("by-epoch", "Accuracy by epoch", "val_accuracy", "epoch", by_epoch, "epochs"),
        ("by-time", "Accuracy by wall time", "val_accuracy", f"wall time, {unit}", by_time, ""),
        ("val-losses", "Validation loss", "val_loss", "epoch", by_epoch, "epochs"),
        ("train-losses", "Training loss", "train_loss", "epoch", by_epoch, "epochs"),
    ]
    charts = [
        _chart(logs, names, id, title, value, x, places, group)
        for id, title, value, x, places, group in plots
        if any(value in row for log in logs for row in log.epochs)
    ]
    return Section(id="overlaid", title="Curves", values={"charts": charts})


def _chart(
    logs: Sequence[RunLog],
    names: Sequence[str],
    id: str,
    title: str,
    value: str,
    x: str,
    places: Callable[[RunLog], list[float]],
    group: str,
) -> Chart:
    share = value.endswith("accuracy")
    plot = plotting.new_plot(x=x, y="share of samples" if share else "cross-entropy")
    if share:
        plotting.axis_in_percent(plot)
    if x == "epoch":
        plotting.axis_of_whole_numbers(plot)
    form = "{0.0%}" if share else "{0.000}"
    entries, said, rows = [], [], []
    for number, (log, name) in enumerate(zip(logs, names, strict=True)):
        # A number that diverged is no JSON; it leaves a hole.
        values = [row.get(value) for row in log.epochs]
        if not any(v is not None for v in values):
            continue
        marker = plotting.marker_of(number)
        dash = "solid"
        if len(values) > plotting.FEW:  # which are drawn without markers
            dash = plotting.DASHES[number % len(plotting.DASHES)]
        line = plotting.add_line(plot, places(log), values, number, dash, marker)
        line.name = name
        tip = f"$name<br>{x.partition(',')[0]} @x{{0.[0]}}: <b>@y{form}</b>"
        plotting.add_hover(plot, [line], tip)
        entries.append((name, [r for r in plot.renderers if r.data_source is line.data_source]))
        known = [v for v in values if v is not None]
        top = max(known) if share else min(known)
        said.append(f"{name} {percent(top) if share else f'{top:.3f}'}")
        rows += [
            [number_cell(row["epoch"] + 1, note=name), number_cell(place, "{:,.4g}"),
             number_cell(row.get(value), "{:.2%}" if share else "{:.4f}")]
            for row, place in zip(log.epochs, places(log), strict=True)
        ]  # fmt: skip
    plotting.add_legend(plot, entries)
    columns = [Column(name="Epoch", number=True), Column(name=x.capitalize(), number=True)]
    columns.append(Column(name=title, number=True))
    table = Table(id=f"{id}-rows", caption=f"{title} in numbers", columns=columns, rows=rows[:600])
    alt = f"{title} of {len(entries)} runs; {'highest' if share else 'lowest'}: {', '.join(said)}."
    item = plotting.to_item(plot)
    return Chart(id=id, title=title, alt=alt, item=item, group=group, table=table)
