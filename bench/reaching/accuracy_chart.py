"""Accuracy over the seconds of training, a line for each way, as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headrace.bench.core.figures import offscreen_pyplot, save_figure


def accuracy_chart(path: str | Path, rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Draws every run, those of one way in one colour.

    Args:
        path: of the PNG.
        rows: `way`, and `curve`, pairs of seconds and accuracy.
        title: above it.
    """
    pyplot = offscreen_pyplot()
    figure, axis = pyplot.subplots(figsize=(6.4, 4), layout="constrained")
    for number, way in enumerate(dict.fromkeys(row["way"] for row in rows)):
        label = way
        for row in rows:
            if row["way"] == way:
                axis.plot(*zip(*row["curve"], strict=True), "o-", color=f"C{number}", label=label)
                label = "_"  # which the legend leaves out
    axis.set(xlabel="s of training", ylabel="test accuracy", xlim=(0, None), ylim=(0, 1))
    axis.grid(axis="y", alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="best")
    save_figure(figure, path, title)
