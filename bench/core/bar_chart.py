"""Panels of horizontal bars as PNG.

bar_chart(path, [Panel("JPEG 500, 128 px", bars)], title="...", unit="images/s")
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from headrace.bench.core.figures import offscreen_pyplot, save_figure

BarKind = Literal["ours", "peer", "ceiling", "baseline"]
COLOURS: dict[BarKind, str] = {
    "ours": "#1f6f8b",
    "peer": "#b0b7bf",
    "ceiling": "#e8dcc0",
    "baseline": "#d1495b",
}
MOST_CUT, CUT_RATIO, CUT_LENGTH = 3, 2.5, 1.12
LEGEND: dict[BarKind, str] = {
    "ours": "Headrace",
    "peer": "others",
    "ceiling": "a part of the work alone",
    "baseline": "baseline",
}


class Bar(NamedTuple):
    """One bar; `spread` is drawn as a whisker of that whole length, `note` stands at its end."""

    label: str
    value: float
    spread: float = 0.0
    kind: BarKind = "ours"
    note: str = ""


@dataclass(frozen=True)
class Panel:
    """One group of bars with a heading of its own; drawn in the order given, top to bottom."""

    title: str
    bars: Sequence[Bar]


def bar_chart(path: str | Path, panels: Sequence[Panel], *, title: str, unit: str) -> None:
    """Draws panels of horizontal bars below each other as PNG, each panel on a scale of its own.

    A bar many times longer than all others is cut, with a gap in it; its number stands beside it.
    """
    pyplot = offscreen_pyplot()
    panels = [panel for panel in panels if panel.bars]
    if not panels:
        return
    heights = [len(panel.bars) + 1.6 for panel in panels]
    figure, axes = pyplot.subplots(
        len(panels),
        1,
        figsize=(9, 0.9 + 0.27 * sum(heights)),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        _draw_panel(axis, panel)
    axes[-1, 0].set_xlabel(unit)
    kinds = [k for k in COLOURS if any(bar.kind == k for p in panels for bar in p.bars)]
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=COLOURS[kind]) for kind in kinds]
    labels = [LEGEND[kind] for kind in kinds]
    figure.legend(handles, labels, loc="outside lower center", ncols=len(kinds), frameon=False)
    save_figure(figure, path, title)


def _draw_panel(axis: Any, panel: Panel) -> None:
    limit = _scale_limit([bar.value + bar.spread / 2 for bar in panel.bars])
    for place, bar in enumerate(panel.bars):
        cut = bar.value > limit
        length = limit * CUT_LENGTH if cut else bar.value
        whisker = bar.spread / 2 if bar.spread and not cut else None
        axis.barh(place, length, 0.72, xerr=whisker, color=COLOURS[bar.kind], ecolor="#333333")
        if cut:  # a gap in the bar says that it is longer than it is drawn
            gap = [limit * (CUT_LENGTH - 0.05), limit * (CUT_LENGTH - 0.04)]
            axis.fill_betweenx([place - 0.45, place + 0.45], *gap, color="white", zorder=3)
        end = length + (whisker or 0) + 0.008 * limit
        number = f"{bar.value:,.0f}" if bar.value >= 100 else f"{bar.value:.3g}"
        text = f"{number}  {bar.note}".rstrip()
        axis.text(end, place, text, va="center", fontsize=8, color="#222222")
    axis.set_yticks(range(len(panel.bars)), [bar.label for bar in panel.bars], fontsize=9)
    axis.set_ylim(len(panel.bars) - 0.4, -0.6)
    axis.set_xlim(0, limit * 1.3)
    axis.set_title(panel.title, loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=8)
    axis.xaxis.set_major_formatter(
        lambda value, _: f"{value:,.0f}" if limit >= 10 else f"{value:g}"
    )


def _scale_limit(lengths: Sequence[float]) -> float:
    """Where the scale ends: at most three bars that dwarf all others are cut off there."""
    longest = sorted(lengths, reverse=True)
    limit = longest[0]
    if len(longest) > MOST_CUT + 2:
        for here, below in itertools.pairwise(longest[: MOST_CUT + 1]):
            if here > CUT_RATIO * below:
                limit = below
    return limit or 1.0
