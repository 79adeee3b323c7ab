"""Writes what is logged into metrics.jsonl and TensorBoard's events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.train.folder.journal import Journal
from headrace.train.hooks import Hook
from headrace.train.progress import Progress


class Logbook(Hook):
    """Rows and curves, into the run's journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def after_log(self, progress: Progress, row: Mapping[str, Any]) -> None:
        place = {
            "epoch": progress.epoch,
            "step": progress.step,
            "global_step": progress.global_step,
        }
        self._journal.row("step", {**place, **row})
        self._journal.curves("train", progress.global_step, row)

    def after_epoch(self, progress: Progress, row: Mapping[str, Any], best: bool) -> None:
        curves = {name: row[f"val_{name}"] for name in ("loss", "accuracy") if f"val_{name}" in row}
        self._journal.curves("val", progress.global_step, curves)
        self._journal.row("epoch", row)
