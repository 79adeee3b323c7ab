"""The picture at the head of README.md, of bench/results alone: loading beside other loaders.

draw(Path("docs/img"))     speed-light.png and speed-dark.png there, for pages of either colour

On the left images/s over the sources' longer side (levels.json), on the right every loader that
was measured on one set of photos (peers.json), each beside others of its own run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.bench.core.bar_chart import Bar, BarKind
from headrace.bench.core.figures import offscreen_pyplot, save_figure
from headrace.bench.core.line_chart import Line, apart

SIZE_PX = 128
"""Side of the batches that are shown."""
_LINES = {
    "native, levels": "Headrace",
    "native": "without levels",
    "peer:dali": "DALI",
    "peer:ffcv": "FFCV",
}
_BARS = {
    "native": "Headrace",
    "peer:dali": "DALI",
    "peer:dali-dynamic": "DALI, dynamic mode",
    "peer:ffcv": "FFCV",
    "peer:litdata": "LitData",
    "peer:webdataset": "WebDataset",
    "peer:spdl": "SPDL",
    "peer:timm": "timm",
    "peer:torchcodec": "TorchCodec",
    "peer:torchvision-v2": "torchvision v2",
    "peer:torchvision-pil": "torchvision, PIL",
    "peer:course-script": "course script",
}
_PACKED = "jpeg-500"
"""Records of peers.json: packed at most 500 px, quality 90."""
_FOLDER_MARK = " *"


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours of one of the two pictures."""

    paper: str
    ink: str
    grid: str
    ours: str
    others: str


THEMES = {
    "light": Theme(
        paper="#ffffff", ink="#1f2328", grid="#d1d9e0", ours="#1f6f8b", others="#8c959f"
    ),
    "dark": Theme(paper="#0d1117", ink="#e6edf3", grid="#30363d", ours="#4cb8d8", others="#7d8590"),
}


def draw(folder: Path, results: Path) -> list[Path]:
    """Draws the picture for light pages and for dark ones.

    Args:
        folder: where `speed-light.png` and `speed-dark.png` are written.
        results: the folder of levels.json and peers.json.

    Raises:
        MissingPackageError: if matplotlib is not installed.
    """
    documents = [json.loads((results / name).read_text()) for name in ("levels.json", "peers.json")]
    lines, bars = source_lines(documents[0]["rows"]), loader_bars(documents[1]["rows"])
    cores = " and ".join(sorted({str(document["hardware"]["cores"]) for document in documents}))
    title = f"Images per second into batches of {SIZE_PX} px, {cores} CPU cores, no GPU"
    paths = []
    for name, theme in THEMES.items():
        paths.append(folder / f"speed-{name}.png")
        _draw_themed(paths[-1], lines, bars, theme, title)
    return paths


def source_lines(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Images/s over the sources' longer side in px, a line for each loader."""
    made = []
    for loader, label in _LINES.items():
        found = [row for row in rows if row["loader"] == loader and row["size"] == SIZE_PX]
        points = sorted((row["source_px"], row["images_per_s"]) for row in found)
        dashed = loader == "native"
        made.append(Line(label=label, points=points, kind=_kind(loader), dashed=dashed))
    return made


def _kind(loader: str) -> BarKind:
    return "peer" if loader.startswith("peer:") else "ours"


def loader_bars(rows: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """A bar for each loader, the fastest first; names of those that read a folder are marked."""
    made = []
    for loader, label in _BARS.items():
        found = [row for row in rows if row["loader"] == loader and row["size"] == SIZE_PX]
        packed = [row for row in found if row["records"] == _PACKED]
        folder = [row for row in found if row["records"] == "folder"]
        for row in (packed or folder)[:1]:
            name = label if packed else label + _FOLDER_MARK
            speed, iqr = row["images_per_s"], row["images_per_s_iqr"]
            made.append(Bar(name, speed, iqr, _kind(loader)))
    return sorted(made, key=lambda bar: -bar.value)


def _draw_themed(
    path: Path, lines: Sequence[Line], bars: Sequence[Bar], theme: Theme, title: str
) -> None:
    pyplot = offscreen_pyplot()
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    look = {**dict.fromkeys(ink, theme.ink), "font.size": 10, "grid.color": theme.grid}
    look |= {"figure.facecolor": theme.paper, "axes.facecolor": theme.paper}
    with pyplot.rc_context(look):
        figure, (left, right) = pyplot.subplots(
            1, 2, figsize=(10, 3.7), width_ratios=(1.15, 1), layout="constrained"
        )
        _draw_lines(left, lines, theme)
        _draw_bars(right, bars, theme)
        for axis in (left, right):
            axis.spines[["top", "right"]].set_visible(False)
        save_figure(figure, path, title)


def _draw_lines(axis: Any, lines: Sequence[Line], theme: Theme) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    best = lines[0].points[-1][1]
    heights = apart([line.points[-1][1] for line in lines], 1.3)
    for line, height in zip(lines, heights, strict=True):
        colour = theme.ours if line.kind == "ours" else theme.others
        style = "--" if line.dashed else "-"
        weight = 2.6 if line is lines[0] else 1.6
        axis.plot(
            *zip(*line.points, strict=True), style, marker="o", color=colour, linewidth=weight
        )
        last_x, last_y = line.points[-1]
        share = "" if line is lines[0] else f" (1/{best / last_y:.0f})"
        axis.annotate(
            f"{line.label}  {last_y:,.0f}{share}",
            (last_x, height),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=theme.ink,
            fontweight="bold" if line is lines[0] else "normal",
        )
    ticks = [x for x, _ in lines[0].points]
    axis.set(xscale="log", yscale="log", xlabel="longer side of the photos, px")
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_xlim(right=ticks[-1] * 3.4)  # where the names stand
    axis.set_title("the larger the photos, the more levels gain", loc="left", fontsize=10)
    axis.grid(axis="y")


def _draw_bars(axis: Any, bars: Sequence[Bar], theme: Theme) -> None:
    for place, bar in enumerate(bars):
        colour = theme.ours if bar.kind == "ours" else theme.others
        axis.barh(place, bar.value, 0.72, color=colour)
        weight = "bold" if bar.kind == "ours" else "normal"
        text = f" {bar.value:,.0f}"
        axis.text(bar.value, place, text, va="center", color=theme.ink, fontweight=weight)
    axis.set_yticks(range(len(bars)), [bar.label for bar in bars])
    axis.set_ylim(len(bars) - 0.4, -0.6)
    axis.set_xlim(0, max(bar.value for bar in bars) * 1.2)
    axis.set_title("photos packed at 500 px, quality 90, no levels", loc="left", fontsize=10)
    axis.set_xlabel(f"{_FOLDER_MARK.strip()} original files; others from packed ones")
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_ticks([])
    axis.spines["bottom"].set_visible(False)
