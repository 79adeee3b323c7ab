"""Figures of matplotlib, drawn without a screen and saved as PNG; they share one look of title."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.pipeline.errors import MissingPackageError
from headrace.pipeline.output_files import written


def offscreen_pyplot() -> Any:
    """`matplotlib.pyplot`, drawing into memory.

    Raises:
        MissingPackageError: if matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise MissingPackageError(
            'drawing needs matplotlib: pip install "headrace[bench]"'
        ) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def save_figure(figure: Any, path: str | Path, title: str) -> None:
    """Gives a figure its title, writes it whole or not at all, and closes it."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as file:
        figure.savefig(file, dpi=140, format="png")
    offscreen_pyplot().close(figure)
