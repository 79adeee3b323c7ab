"""The runs of trials: their names and their settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.pipeline.drawn_parts import DrawnPart
from headrace.pipeline.flat_settings import with_values
from headrace.train.settings.config import RunConfig
from headrace.train.trials.settings import TrialsConfig


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One of several runs, which is a run like any other.

    Attributes:
        name: of its folder, `fold0` or `seed0`.
        config: its settings.
    """

    name: str
    config: RunConfig

    @property
    def folder(self) -> Path:
        return Path(self.config.runtime.out)


def planned_runs(config: RunConfig, asked: TrialsConfig, folder: Path) -> list[PlannedRun]:
    """The runs in their order.

    Args:
        config: what they have in common; folds are drawn of its training split.
        asked: how many of which kind.
        folder: in which each gets its own.
    """
    runs = []
    for number in range(asked.count):
        if asked.folds:
            fold = DrawnPart(
                whole=config.data.train_split,
                fold=number,
                num_folds=asked.folds,
                seed=asked.split_seed,
            )
            name = f"fold{number}"
            changes: dict[str, Any] = {"train_split": str(fold.rest), "val_split": str(fold)}
        else:
            seed = config.runtime.seed + number
            name, changes = f"seed{seed}", {"seed": seed}
        out = {"out": str(folder / name)}
        runs.append(PlannedRun(name=name, config=with_values(config, {**changes, **out})))
    return runs
