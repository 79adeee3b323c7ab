"""Lines over a scale of powers, one panel beside the other, as PNG.

line_chart(path, [LinePanel("128 px", lines)], title="...", x="px", y="images/s")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.bench.core.bar_chart import COLOURS, BarKind
from headrace.bench.core.figures import offscreen_pyplot, save_figure

_MARKS = "osDv^"
_LABEL_HEIGHT = 1.25
"""Of a line of text on the axis of a few powers of ten, as a factor."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line; its name stands at its right end.

    Attributes:
        points: (x, y), x rising.
        dashed: of lines of one kind, to tell them apart.
    """

    label: str
    points: Sequence[tuple[float, float]]
    kind: BarKind = "ours"
    dashed: bool = False


@dataclass(frozen=True)
class LinePanel:
    """One group of lines with a heading of its own."""

    title: str
    lines: Sequence[Line]


def apart(values: Sequence[float], factor: float = _LABEL_HEIGHT) -> list[float]:
    """Heights of names on a scale of powers: their lines' own, moved up where two would meet."""
    heights = list(values)
    lowest = 0.0
    for place in sorted(range(len(values)), key=lambda place: values[place]):
        heights[place] = max(values[place], lowest)
        lowest = heights[place] * factor
    return heights


def line_chart(
    path: str | Path, panels: Sequence[LinePanel], *, title: str, x: str, y: str
) -> None:
    """Draws panels side by side on one scale, both axes logarithmic."""
    pyplot = offscreen_pyplot()
    from matplotlib.ticker import NullLocator

    figure, axes = pyplot.subplots(
        1,
        len(panels),
        figsize=(1 + 3.6 * len(panels), 3.8),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, panel in zip(axes[0], panels, strict=True):
        ticks = sorted({place for line in panel.lines for place, _ in line.points})
        for mark, line in zip(_MARKS * len(panel.lines), panel.lines, strict=False):
            style = "--" if line.dashed else "-"
            axis.plot(*zip(*line.points, strict=True), style, marker=mark, color=COLOURS[line.kind])
        ends = apart([line.points[-1][1] for line in panel.lines])
        for line, end in zip(panel.lines, ends, strict=True):
            axis.annotate(
                line.label,
                (line.points[-1][0], end),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axis.set(xscale="log", yscale="log", xlabel=x)
        axis.set_title(panel.title, loc="left", fontsize=10)
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.set_xlim(right=ticks[-1] * 2.2)  # where the names stand
        axis.grid(axis="y", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel(y)
    save_figure(figure, path, title)
