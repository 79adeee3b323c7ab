"""What is taken for what: a matrix, and the pairs of classes that are mixed up most."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.train.metrics import confusion
from headrace.train.reporting import plotting
from headrace.train.reporting.elements import (
    Chart,
    Column,
    Section,
    Table,
    number_cell,
    percent,
    text_cell,
)
from headrace.train.reporting.subject import Subject

MOST_CLASSES = 60
"""Of the matrix that is drawn; of more, those that are mixed up most."""
NUMBERED = 14
"""Up to so many classes, each cell has its count."""
SHOWN_PAIRS = 20


def make(subject: Subject) -> Section | None:
    """The matrix and its pairs."""
    judged = subject.labelled
    if judged is None:
        return None
    counts = np.array(confusion.compute(judged.labelled, len(judged.classes)))
    kept = most_confused(counts, MOST_CLASSES)
    return Section(
        id="confusion",
        title="Confusion",
        values={
            "chart": _matrix(counts, kept, judged.classes),
            "pairs": pair_table(counts, judged.classes),
            "left_out": int((counts.sum(0) + counts.sum(1) > 0).sum()) - len(kept),
            "num_classes": len(judged.classes),
        },
    )


def most_confused(counts: np.ndarray, most: int) -> np.ndarray:
    """(k,) labels, ascending: the classes that are there or predicted; of too many, those with
    most errors.

    Args:
        counts: (C, C), a row for each class.
    """
    there = np.flatnonzero(counts.sum(0) + counts.sum(1))
    if len(there) <= most:
        return there
    wrong = counts.sum(0) + counts.sum(1) - 2 * np.diag(counts)
    order = np.argsort(-wrong[there], kind="stable")
    return np.sort(there[order[:most]])


def pair_table(counts: np.ndarray, classes: list[str]) -> Table:
    """The pairs that are mixed up most, in one direction each."""
    support = counts.sum(1)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:SHOWN_PAIRS]
    rows = []
    for place in order.tolist():
        true, taken = divmod(place, len(classes))
        count = int(wrong[true, taken])
        if not count:
            break
        share = count / int(support[true])
        rows.append(
            [
                text_cell(classes[true]),
                text_cell(classes[taken]),
                number_cell(count),
                number_cell(share, "{:.0%}", share=share),
            ]
        )
    return Table(
        id="pairs",
        caption="Classes that are taken for others most often",
        columns=[
            Column(name="True class"),
            Column(name="Taken for"),
            Column(name="Samples", number=True),
            Column(name="Of the class", number=True),
        ],
        rows=rows,
        sortable=True,
    )


def _cells(counts: np.ndarray, kept: np.ndarray, classes: list[str]) -> Any:
    """Bokeh's columns, a row for each cell that is not empty."""
    from bokeh.models import ColumnDataSource

    part, size = counts[np.ix_(kept, kept)], len(kept)
    support = np.maximum(counts.sum(1)[kept], 1)
    rows, columns = np.nonzero(part)
    values = part[rows, columns]
    share = values / support[rows]
    return ColumnDataSource(
        {
            "x": columns.astype(float).tolist(),
            "y": rows.astype(float).tolist(),
            "true": [classes[kept[i]] for i in rows],
            "taken": [classes[kept[i]] for i in columns],
            "count": values.tolist(),
            "share": share.tolist(),
            # A floor, or single errors of large classes could not be seen; and below numbers a
            # ceiling, or these could not be read.
            "alpha": (0.12 + (0.4 if size <= NUMBERED else 0.88) * share).tolist(),
            "series": ["0" if same else "1" for same in rows == columns],
        }
    )


def _matrix(counts: np.ndarray, kept: np.ndarray, classes: list[str]) -> Chart:
    from bokeh.models import FixedTicker, Range1d

    part, size = counts[np.ix_(kept, kept)], len(kept)
    source = _cells(counts, kept, classes)
    plot = plotting.new_plot(
        x="taken for",
        y="true class",
        x_range=Range1d(-0.5, size - 0.5),
        y_range=Range1d(size - 0.5, -0.5),
    )
    plot.tools[0].dimensions = "both"
    plot.height, plot.frame_height = None, min(38 * size, max(460, 11 * size))
    plot.max_width = 260 + 90 * size  # of few classes, cells would be stripes
    cells = plot.rect(
        "x", "y", 0.94, 0.94, source=source, fill_alpha="alpha", line_color=None,
        fill_color={"field": "series", "transform": plotting.series_colours(2)},
    )  # fmt: skip
    if size <= NUMBERED:
        text = plot.text(
            "x", "y", "count", source=source, text_align="center", text_baseline="middle",
            text_font_size="13px", text_color=plotting.INK,
        )  # fmt: skip
        text.glyph.tags = ["ink"]
    plotting.add_hover(
        plot, [cells], "<b>@true</b><br>taken for @taken<br>@count{0,0} (@share{0%} of the class)"
    )
    for axis in (plot.xaxis[0], plot.yaxis[0]):
        # Of many, every name is read in the words beside the pointer.
        step = -(-size // 45)
        axis.ticker = FixedTicker(ticks=list(range(0, size, step)))
        axis.major_label_overrides = {i: shortened(classes[kept[i]]) for i in range(size)}
        axis.major_label_text_font_size = "12px" if size <= 25 else "10px"
    plot.xaxis[0].major_label_orientation = 0.9
    plot.grid.visible = False
    right_share = float(part.trace() / max(1, part.sum()))
    alt = (
        f"Confusion matrix of {size} classes: rows are true classes, columns what they were taken "
        f"for. {percent(right_share)} of its samples lie on the diagonal. The pairs mixed up most "
        "are in the table."
    )
    return Chart(id="matrix", title="Confusion matrix", alt=alt, item=plotting.to_item(plot))


def shortened(name: str, most: int = 22) -> str:
    """A long name without its middle."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"
