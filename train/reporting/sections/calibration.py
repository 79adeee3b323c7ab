"""Whether its confidence can be believed: the reliability diagram and the calibration error."""

from __future__ import annotations

import numpy as np

from headrace.train.metrics import metric_of
from headrace.train.metrics.ece import BINS
from headrace.train.reporting import plotting
from headrace.train.reporting.elements import (
    Chart,
    Column,
    Section,
    Table,
    interval_text,
    number_cell,
    percent,
    text_cell,
)
from headrace.train.reporting.intervals import wilson
from headrace.train.reporting.subject import Subject


def make(subject: Subject) -> Section | None:
    """The diagram, how many samples are behind it, and the temperature that would mend it."""
    judged = subject.labelled
    if judged is None:
        return None
    outcome, num_classes = judged.labelled, len(judged.classes)
    bins = reliability(outcome.confidence, outcome.predicted == outcome.labels)
    error = metric_of("ece").compute(outcome, num_classes)
    fitted = judged.temperature
    return Section(
        id="calibration",
        title="Calibration",
        values={
            "charts": [_diagram(bins, error), _histogram(bins)],
            "table": _table(bins),
            "error": percent(error),
            "confidence": percent(float(outcome.confidence.mean())),
            "accuracy": percent(float((outcome.predicted == outcome.labels).mean())),
            "temperature": f"{fitted['value']:.2f}",
            "error_after": percent(fitted["ece"]),
            "bins": BINS,
            "fitted_to": "these very samples"
            if fitted["count"] == len(outcome.labels)
            else f"{fitted['count']:,} of these samples",
        },
    )


def reliability(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """The bins of the calibration error that hold anything, by confidence.

    Args:
        confidence: (n,) in 0..1, of the predicted class.
        right: (n,) bool.

    Returns:
        For each `low` and `high` ends, `count`, `right` samples, `confidence` (mean), `accuracy`.
    """
    sure = confidence.astype(np.float64)
    places = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    found = []
    for place in np.unique(places).tolist():
        inside = places == place
        count, hits = int(inside.sum()), int(right[inside].sum())
        found.append(
            {
                "low": place / BINS,
                "high": (place + 1) / BINS,
                "count": count,
                "right": hits,
                "confidence": float(sure[inside].mean()),
                "accuracy": hits / count,
            }
        )
    return found


def _diagram(bins: list[dict[str, float]], error: float) -> Chart:
    from bokeh.models import ColumnDataSource, Range1d

    limits = [wilson(row["right"], int(row["count"])) for row in bins]
    source = ColumnDataSource(
        {
            **{name: [row[name] for row in bins] for name in ("confidence", "accuracy", "count")},
            "low": [limit[0] for limit in limits],
            "high": [limit[1] for limit in limits],
        }
    )
    plot = plotting.new_plot(
        x="confidence",
        y="accuracy",
        height=320,
        x_range=Range1d(0, 1),
        y_range=Range1d(0, 1.02),
    )
    for axes in "xy":
        plotting.axis_in_percent(plot, axes)
    even = plot.line([0, 1], [0, 1], line_color=plotting.INK, line_dash="dotted", line_width=1.5)
    even.glyph.tags = ["ink"]
    spread = plot.segment(
        "confidence", "low", "confidence", "high", source=source, line_color=plotting.ACCENT,
        line_width=1.5, line_alpha=0.55,
    )  # fmt: skip
    line = plot.line(
        "confidence", "accuracy", source=source, line_color=plotting.ACCENT, line_width=2
    )
    dots = plot.scatter(
        "confidence", "accuracy", source=source, size=8, fill_color=plotting.ACCENT, line_color=None
    )
    for renderer in (spread, line, dots):
        renderer.glyph.tags = ["accent"]
    tip = "confidence @confidence{0.0%}<br>accuracy <b>@accuracy{0.0%}</b> (@low{0%} to @high{0%})"
    plotting.add_hover(plot, [dots], f"{tip}<br>@count{{0,0}} samples")
    plotting.add_legend(plot, [("measured, 95% interval", [line, dots, spread]), ("ideal", [even])])
    below = sum(row["count"] for row in bins if row["accuracy"] < row["confidence"])
    share = below / max(1, sum(row["count"] for row in bins))
    alt = (
        f"Accuracy over confidence in {len(bins)} bins; on the diagonal both are the same. "
        f"{percent(share, 0)} of the samples lie in bins where it is surer than it is right. "
        f"The expected calibration error is {percent(error)}."
    )
    item = plotting.to_item(plot)
    return Chart(id="reliability", title="Reliability", alt=alt, item=item, zooms=False)


def _histogram(bins: list[dict[str, float]]) -> Chart:
    from bokeh.models import ColumnDataSource, Range1d

    columns = {name: [row[name] for row in bins] for name in ("low", "high", "count", "right")}
    source = ColumnDataSource(columns)
    plot = plotting.new_plot(x="confidence", y="samples", height=320, x_range=Range1d(0, 1))
    plot.y_range.start = 0
    plotting.axis_in_percent(plot, "x")
    every = plot.quad(
        "low", "high", "count", 0, source=source, fill_color=plotting.SERIES[1], fill_alpha=0.55,
        line_color=None,
    )  # fmt: skip
    hits = plot.quad(
        "low", "high", "right", 0, source=source, fill_color=plotting.SERIES[0], line_color=None
    )
    every.glyph.tags, hits.glyph.tags = ["series-1", "bare"], ["series-0", "bare"]
    plotting.add_hover(
        plot,
        [every],
        "confidence @low{0%} to @high{0%}<br><b>@count{0,0}</b> samples, @right right",
    )
    plotting.add_legend(plot, [("right", [hits]), ("wrong", [every])])
    most = max(bins, key=lambda row: row["count"])
    alt = (
        f"How sure it is: most samples, {most['count']:,.0f}, have a confidence of "
        f"{percent(most['low'], 0)} to {percent(most['high'], 0)}."
    )
    item = plotting.to_item(plot)
    return Chart(id="confidences", title="How sure it is", alt=alt, item=item, zooms=False)


def _table(bins: list[dict[str, float]]) -> Table:
    names = ("Mean confidence", "Accuracy", "95% interval", "Samples")
    return Table(
        id="bins",
        caption="Accuracy by confidence",
        columns=[Column(name="Confidence"), *(Column(name=name, number=True) for name in names)],
        rows=[
            [
                text_cell(f"{percent(row['low'], 0)} to {percent(row['high'], 0)}"),
                number_cell(row["confidence"], "{:.1%}"),
                number_cell(row["accuracy"], "{:.1%}"),
                text_cell(interval_text(wilson(row["right"], int(row["count"])))),
                number_cell(row["count"]),
            ]
            for row in bins
        ],
    )
