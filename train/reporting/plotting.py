"""Plots by Bokeh: one look for all, whose colours the page sets again for its theme.

What has a colour carries a tag: `series-N` for one of SERIES, `accent` or `ink`; the page's script
(assets/page.js) gives each the theme's own; what is `hollow` has no filling, `bare` no line.
Colours here are the light theme's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace.pipeline.errors import MissingPackageError
from headrace.pipeline.installed import is_installed

SERIES = ("#0b6bb0", "#c4510a", "#007f5f", "#a8528a", "#7d6608", "#5560b5", "#b03a48", "#5f6670")
"""After Okabe and Ito's palette for all kinds of sight, dark enough for lines on white."""
ACCENT, INK, FAINT = SERIES[0], "#3a4048", "#e3e6ea"
DASHES = ("solid", "dashed", "dotdash", "dotted")
OLDEST = (3, 9)
"""Of Bokeh."""
FEW = 40
"""Points of a line, up to which each is drawn."""
MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "plus", "cross", "star")
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
_EXTRA = "pip install 'headrace[report]'"


def check_plots() -> None:
    """Refuses to go on where the plots' library is missing.

    Raises:
        MissingPackageError: naming what to install; also where it is too old.
    """
    if not is_installed("bokeh"):
        raise MissingPackageError(f"a report needs the package bokeh: {_EXTRA}")
    import bokeh

    # Earlier ones do not escape what stands beside the pointer.
    if tuple(map(int, bokeh.__version__.split(".")[:2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise MissingPackageError(
            f"a report needs bokeh {oldest} or newer, and {bokeh.__version__} is installed: "
            f"{_EXTRA}"
        )


def library() -> str:
    """Bokeh's script, to be put into the page."""
    import bokeh

    return (Path(bokeh.__file__).parent / "server/static/js/bokeh.min.js").read_text("utf-8")


def new_plot(
    *,
    x: str,
    y: str,
    height: int = 260,
    x_range: Any = None,
    y_range: Any = None,
    has_axes: bool = True,
) -> Any:
    """An empty plot.

    Args:
        x, y: titles of the axes, with units.
        height: px; the width is the page's.
        x_range, y_range: as Bokeh takes them; by default that of the data.
        has_axes: whether coordinates mean anything.
    """
    from bokeh.models import BoxZoomTool
    from bokeh.plotting import figure

    ranges = {"x_range": x_range, "y_range": y_range}
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools=[],
        x_axis_label=x,
        y_axis_label=y,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_left=52 if has_axes else 5,
        **{name: value for name, value in ranges.items() if value is not None},
    )
    plot.add_tools(BoxZoomTool(dimensions="width"))
    for axis in plot.axis:
        axis.axis_line_color = axis.major_tick_line_color = FAINT
        axis.minor_tick_line_color = None
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font = axis.major_label_text_font = _FONT
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "12px"
        axis.axis_label_text_color = axis.major_label_text_color = INK
    plot.grid.grid_line_color = FAINT
    plot.xgrid.visible = False
    if not has_axes:
        plot.axis.visible = plot.grid.visible = False
    return plot


def axis_of_whole_numbers(plot: Any) -> None:
    """No ticks between epochs."""
    from bokeh.models import BasicTicker

    plot.xaxis[0].ticker = BasicTicker(min_interval=1)


def add_line(
    plot: Any,
    x: Sequence[float],
    y: Sequence[float | None],
    number: int,
    dash: str = "solid",
    marker: str = "circle",
) -> Any:
    """A line with points where there are few; None leaves a hole.

    Args:
        number: of its colour in SERIES.
        dash, marker: its form, for whom colours do not tell apart.

    Returns:
        The line's renderer.
    """
    from bokeh.models import ColumnDataSource

    values = [float("nan") if value is None else value for value in y]
    source = ColumnDataSource({"x": list(x), "y": values})
    colour = SERIES[number % len(SERIES)]
    line = plot.line("x", "y", source=source, line_width=2, line_dash=dash, line_color=colour)
    line.glyph.tags = [f"series-{number % len(SERIES)}"]
    if len(values) <= FEW:
        size = 5 if marker == "circle" else 8
        dots = plot.scatter(
            "x", "y", source=source, size=size, marker=marker, fill_color=colour, line_color=colour
        )
        dots.glyph.tags = line.glyph.tags
    return line


def add_hover(
    plot: Any, renderers: Sequence[Any], words: str, mode: str = "mouse", picture: str = ""
) -> None:
    """Words beside the pointer: HTML in which `@column` stands for a value, escaped by Bokeh."""
    from bokeh.models import HoverTool

    # Bokeh's own box is white in every theme; this one covers it.
    style = (
        "margin: -5px; padding: 7px 10px; background: var(--paper); color: var(--ink); "
        "display: flex; gap: 10px; align-items: center; "
        f"white-space: nowrap; font: 13px/1.45 {_FONT}"
    )
    tip = f'<div class="tip" style="{style}">{picture}<div>{words}</div></div>'
    plot.add_tools(HoverTool(renderers=list(renderers), tooltips=tip, mode=mode, show_arrow=False))


_LEGEND_PX, _LETTER_PX, _SAMPLE_PX, _ROW_PX = 400, 7, 45, 22
"""Of a legend, in px: the width of the narrowest plot that stands beside another, and what a name
takes of it."""


def add_legend(plot: Any, entries: Sequence[tuple[str, Sequence[Any]]]) -> None:
    """A legend above the plot; a click takes a line away and brings it back."""
    from bokeh.models import Legend

    legend = Legend(items=[(name, list(renderers)) for name, renderers in entries])
    legend.click_policy = "hide"
    plot.add_layout(legend, "above")
    widest = max((len(name) for name, _ in entries), default=0) * _LETTER_PX + _SAMPLE_PX
    columns = max(1, min(4, _LEGEND_PX // widest))
    rows = -(-len(entries) // columns)
    plot.height += _ROW_PX * max(0, rows - 1)  # lest the names take the curves' room
    style_legend(plot, columns=columns)


def style_legend(plot: Any, columns: int) -> None:
    """Puts a plot's legends above it, in rows, as quiet as the axes."""
    for legend in list(plot.legend):
        if legend not in plot.above:
            plot.center.remove(legend)
            plot.add_layout(legend, "above")
        legend.orientation = "horizontal"
        legend.border_line_color = legend.background_fill_color = None
        legend.label_text_color, legend.label_text_font = INK, _FONT
        legend.label_text_font_size = "12px"
        legend.glyph_width, legend.padding, legend.margin = 26, 0, 6
        legend.ncols = columns


def axis_in_percent(plot: Any, axes: str = "y") -> None:
    """Shares as percentages: 0.25 is written 25%."""
    from bokeh.models import NumeralTickFormatter

    for axis in plot.yaxis if axes == "y" else plot.xaxis:
        axis.formatter = NumeralTickFormatter(format="0[.]0%")


def marker_of(number: int) -> str:
    """Colour and form change together, so that either tells apart while they last; then both."""
    return MARKERS[(number + number // len(SERIES)) % len(MARKERS)]


def to_item(plot: Any) -> dict[str, Any]:
    """What the page's script makes the plot of.

    Raises:
        ValueError: if it holds what JSON cannot say.
    """
    from bokeh.embed import json_item

    item: dict[str, Any] = json_item(plot)
    json.dumps(item, allow_nan=False)
    return item


def series_colours(count: int) -> Any:
    """Bokeh's mapper from a column of "0", "1", … to the colours of SERIES."""
    from bokeh.models import CategoricalColorMapper

    factors = [str(number) for number in range(min(count, len(SERIES)))]
    return CategoricalColorMapper(
        factors=factors, palette=list(SERIES[: len(factors)]), tags=["series"]
    )


def axis_in_plain_numbers(plot: Any) -> None:
    """0.003, not 3.000e-3; what is smaller than 0.00001 keeps its exponent."""
    from bokeh.models import BasicTickFormatter

    plot.yaxis[0].formatter = BasicTickFormatter(power_limit_low=-5, precision="auto")
