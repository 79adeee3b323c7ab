"""Last lines of commands: what to do with a run that is finished."""

from __future__ import annotations

from pathlib import Path

from headrace.pipeline.command_line import called


def to_predict(*checkpoints: str | Path, data: str | Path = "NEW_IMAGES") -> str:
    """For a classifier, or several that predict together.

    Args:
        checkpoints: run folders or checkpoints.
        data: what to predict.
    """
    return f"next: {called('predict', *checkpoints, data, '--csv', 'answer.csv')}"


def to_draw(folder: Path) -> str:
    """For a generator, by its run folder."""
    return f"next: {called('generate', 'draw', folder, 'OUT.beton', '--per-class', 200)}"
