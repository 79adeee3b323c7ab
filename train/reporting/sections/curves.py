"""How it went, epoch by epoch: loss, accuracy, learning rate, speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.train.clock import spell
from headrace.train.reporting import plotting
from headrace.train.reporting.elements import (
    Cell,
    Chart,
    Column,
    Section,
    Table,
    number_cell,
    percent,
)
from headrace.train.reporting.run_log import Row, RunLog
from headrace.train.reporting.subject import Subject

MOST_POINTS = 600
"""Of the steps' rows, so that a long run's page stays small."""


def make(subject: Subject) -> Section | None:
    """Curves of the epochs, or of the steps where no epoch was finished."""
    log = subject.log
    if not log.epochs and not log.steps:
        subject.gaps.append("There are no curves: the log has no row of a step or an epoch.")
        return None
    charts = []
    if log.epochs:
        charts += [_losses(log), _accuracies(log)]
    else:
        subject.gaps.append("No epoch was finished: the curves are of the steps alone.")
    if log.steps:
        charts += [_rates(log), speed(log.steps)]
    table = epoch_table(log) if log.epochs else None
    return Section(id="curves", title="Curves", values={"charts": charts, "table": table})


def _losses(log: RunLog) -> Chart:
    alt = f"Training loss {_from_to(log.epochs, 'train_loss', '{:.3f}')}"
    if log.evaluated:
        lowest = min((row for row in log.epochs if "val_loss" in row), key=lambda r: r["val_loss"])
        alt += (
            f"; validation loss {_from_to(log.epochs, 'val_loss', '{:.3f}')}, lowest "
            f"{lowest['val_loss']:.3f} in epoch {lowest['epoch'] + 1}"
        )
    return _two_lines(log, "losses", "Loss", "cross-entropy", "loss", alt + ".")


def _accuracies(log: RunLog) -> Chart:
    alt = f"Training accuracy {_from_to(log.epochs, 'train_accuracy', '{:.1%}')}"
    best = log.best
    if best is not None:
        alt += (
            f"; validation accuracy {_from_to(log.epochs, 'val_accuracy', '{:.1%}')}, best.pt is "
            f"epoch {best['epoch'] + 1} with {percent(best['val_accuracy'])}"
        )
    return _two_lines(log, "accuracies", "Accuracy", "share of samples", "accuracy", alt + ".")


def _two_lines(log: RunLog, id: str, title: str, unit: str, what: str, alt: str) -> Chart:
    """Training (dashed) and validation (solid) over the epochs, the best of them marked."""
    plot = plotting.new_plot(x="epoch", y=unit)
    plotting.axis_of_whole_numbers(plot)
    entries = []
    tips = "epoch @x{0}: <b>@y{0.000}</b>"
    if what == "accuracy":
        plotting.axis_in_percent(plot)
        tips = "epoch @x{0}: <b>@y{0.0%}</b>"
    for number, kind, name, dash in (
        (1, "train", "training", "dashed"),
        (0, "val", "validation", "solid"),
    ):
        rows = [row for row in thinned(log.epochs) if f"{kind}_{what}" in row]
        if not rows:
            continue
        x = [row["epoch"] + 1 for row in rows]
        line = plotting.add_line(plot, x, [row[f"{kind}_{what}"] for row in rows], number, dash)
        plotting.add_hover(plot, [line], f"{name}, {tips}", "vline")
        entries.append((name, [r for r in plot.renderers if r.data_source is line.data_source]))
    if (best := log.best) is not None:
        mark = plot.scatter(
            [best["epoch"] + 1], [best[f"val_{what}"]], size=13, fill_color=None, line_width=2,
            line_color=plotting.ACCENT,
        )  # fmt: skip
        mark.glyph.tags = ["accent", "hollow"]
        entries.append(("best epoch", [mark]))
    plotting.add_legend(plot, entries)
    return Chart(id=id, title=title, alt=alt, item=plotting.to_item(plot), group="epochs")


def _rates(log: RunLog) -> Chart:
    rows = thinned(log.steps)
    plot = plotting.new_plot(x="optimiser step", y="learning rate", height=210)
    plotting.axis_in_plain_numbers(plot)
    line = plotting.add_line(plot, *_column(rows, "lr"), 0)
    plotting.add_hover(plot, [line], "step @x{0,0}: <b>@y{0.000000}</b>", "vline")
    highest = max(row["lr"] for row in rows)
    alt = (
        f"The learning rate begins at {rows[0]['lr']:.3g}, is {highest:.3g} at its highest and "
        f"{rows[-1]['lr']:.3g} at the end ({log.config.optim.schedule})."
    )
    item = plotting.to_item(plot)
    return Chart(id="rates", title="Learning rate", alt=alt, item=item, group="steps")


def speed(steps: Sequence[Row]) -> Chart:
    """Images per second.

    Args:
        steps: rows with global_step, images_per_s and data_wait, at least one.
    """
    rows = thinned(steps)
    plot = plotting.new_plot(x="optimiser step", y="images per second", height=210)
    plot.y_range.start = 0
    line = plotting.add_line(plot, *_column(rows, "images_per_s"), 2)
    tip = "step @x{0,0}: <b>@y{0,0}</b> images/s"
    plotting.add_hover(plot, [line], tip, "vline")
    rates = sorted(row["images_per_s"] for row in rows)
    waits = sorted(row["data_wait"] for row in rows)
    alt = (
        f"Images per second in training: median {rates[len(rates) // 2]:,.0f}, from "
        f"{rates[0]:,.0f} to {rates[-1]:,.0f}; of the time a median of "
        f"{percent(waits[len(waits) // 2])} is waiting for data."
    )
    item = plotting.to_item(plot)
    return Chart(id="speed", title="Speed", alt=alt, item=item, group="steps")


def thinned(rows: Sequence[Row], most: int = MOST_POINTS) -> list[Row]:
    """At most so many of the rows, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    places = sorted({round(i * (len(rows) - 1) / (most - 1)) for i in range(most)})
    return [rows[place] for place in places]


def _column(rows: Sequence[Row], name: str) -> tuple[list[float], list[float]]:
    return [row["global_step"] for row in rows], [row[name] for row in rows]


def _from_to(rows: Sequence[Row], name: str, form: str) -> str:
    values = [row[name] for row in rows if row.get(name) is not None]
    if not values:
        return "is not known"
    if len(values) == 1:
        return form.format(values[0])
    return f"goes from {form.format(values[0])} to {form.format(values[-1])}"


def epoch_table(log: RunLog) -> Table:
    """All epochs in numbers."""
    columns = [
        Column(name="Epoch", number=True),
        Column(name="Train loss", number=True),
        Column(name="Train accuracy", number=True),
        *([Column(name="Val loss", number=True), Column(name="Val accuracy", number=True)]
          if log.evaluated else []),
        Column(name="Learning rate", number=True),
        Column(name="Images/s", number=True),
        Column(name="Data wait", number=True),
        Column(name="Time", number=True),
    ]  # fmt: skip
    best = log.best
    rows = [_epoch_row(row, log.evaluated, row is best) for row in thinned(log.epochs, 400)]
    return Table(
        id="epochs", caption="Every epoch in numbers", columns=columns, rows=rows, sortable=True
    )


def _epoch_row(row: Row, evaluated: bool, best: bool) -> list[Cell]:
    def cell(name: str, form: str) -> Cell:
        value: Any = row.get(name)
        return number_cell(value, form)

    judged = [cell("val_loss", "{:.4f}"), cell("val_accuracy", "{:.2%}")] if evaluated else []
    return [
        number_cell(row["epoch"] + 1, note="best" if best else ""),
        cell("train_loss", "{:.4f}"),
        cell("train_accuracy", "{:.2%}"),
        *judged,
        cell("lr", "{:.3g}"),
        cell("images_per_s", "{:,.0f}"),
        cell("data_wait", "{:.1%}"),
        Cell(text=spell(row["seconds"]), value=row["seconds"]),
    ]
