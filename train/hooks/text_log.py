"""log.txt: a line for each epoch, as the Food-11 homework keeps it, with "-> best" behind the best.

Source: Hung-yi Lee, Machine Learning (National Taiwan University), homework 3, sample code. There
the best accuracy decides; here what --best-by names.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from headrace.pipeline.unwritable import writing
from headrace.train.hooks import Hook
from headrace.train.progress import Progress


class TextLog(Hook):
    """For the process that writes the run folder.

    Args:
        path: the file; None where another process writes it.
        epochs: of the whole run.
        done: epochs that the run goes on after; lines of later ones are cut off, which are going to
            be done again.
    """

    def __init__(self, path: Path | None, epochs: int, done: int) -> None:
        self._path, self._epochs = path, epochs
        if path is not None:
            _keep_lines(path, done)

    def after_epoch(self, progress: Progress, row: Mapping[str, Any], best: bool) -> None:
        if self._path is None:
            return
        split = "val" if "val_loss" in row else "train"
        title = {"val": "Valid", "train": "Train"}[split]
        line = (
            f"[ {title} | {row['epoch'] + 1:03d}/{self._epochs:03d} ] "
            f"loss = {row[f'{split}_loss']:.5f}, acc = {row[f'{split}_accuracy']:.5f}"
        )
        with writing(self._path), self._path.open("a", encoding="ascii") as file:
            file.write(f"{line}{' -> best' if best else ''}\n")


def _keep_lines(path: Path, count: int) -> None:
    """Cuts a file behind its first lines; does nothing where there is none."""
    with writing(path), suppress(FileNotFoundError), path.open("r+b") as file:
        for _ in range(count):
            if not file.readline():
                return
        file.truncate(file.tell())
