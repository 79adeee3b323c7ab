"""What a run folder says of its run: settings, rows of its log, time; whatever of that is there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.pipeline.command_line import called
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.user_paths import resolved
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.journal import read_rows
from headrace.train.folder.run_folder import (
    BEST_NAME,
    CONFIG_NAME,
    GENERATOR_NAME,
    LAST_NAME,
    LOG_NAME,
)
from headrace.train.folder.runs_inside import name_a_run
from headrace.train.metrics import lower_is_better
from headrace.train.ranked import ranked
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import from_flat, load_yaml

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RunLog:
    """One run as its folder tells it.

    Attributes:
        folder: the run's.
        config: its settings.
        start: the row of its (last) start; {} if it never began.
        steps, epochs: rows of the log, in order.
        end: the last row of a run that came to its end.
        seconds: by phase and in `total`; {} if it is not known.
        gaps: what is not there, in sentences.
    """

    folder: Path
    config: RunConfig
    start: Row
    steps: list[Row]
    epochs: list[Row]
    end: Row | None
    seconds: Mapping[str, float]
    gaps: list[str]

    @property
    def name(self) -> str:
        return resolved(self.folder).name

    @property
    def evaluated(self) -> bool:
        """Whether anything was held out and measured."""
        return any("val_accuracy" in row for row in self.epochs)

    @property
    def best(self) -> Row | None:
        """The epoch whose weights are in best.pt; None where nothing was measured."""
        by = self.config.optim.best_by
        sign = -1.0 if lower_is_better(by) else 1.0
        found, highest = None, -math.inf
        for row in self.epochs:
            if "val_accuracy" not in row:
                continue
            value = row.get(f"val_{by}")
            score = ranked(math.nan if value is None else sign * value)
            if found is None or score > highest:
                found, highest = row, score
        return found

    @property
    def best_path(self) -> Path:
        return self.folder / BEST_NAME

    @property
    def total_seconds(self) -> float:
        """Of the whole run as far as it is known."""
        if "total" in self.seconds:
            return float(self.seconds["total"])
        return float(sum(row["seconds"] for row in self.epochs))

    @property
    def median_rate(self) -> float | None:
        """Images per second in the median epoch; None where no epoch tells, as of a probe."""
        rates = sorted(row["images_per_s"] for row in self.epochs if "images_per_s" in row)
        return float(rates[len(rates) // 2]) if rates else None

    def ends_s(self) -> list[float]:
        """Seconds from the run's start to the end of each of its epochs."""
        ends, total = [], 0.0
        for row in self.epochs:
            total += row["seconds"]
            ends.append(total)
        return ends


def run_folders(place: str | Path) -> list[Path]:
    """The run folder itself, or those in a folder of several, such as of seeds or folds."""
    place = Path(place)
    if not place.is_dir() or _is_run(place):
        return [place]
    return sorted(path for path in place.iterdir() if path.is_dir() and _is_run(path)) or [place]


def folder_of(place: str | Path) -> Path:
    """The run folder that is meant by itself, or by a checkpoint in it."""
    place = Path(place)
    names = (BEST_NAME, LAST_NAME, GENERATOR_NAME)
    return place.parent if place.name in names and place.is_file() else place


def _is_run(folder: Path) -> bool:
    return (folder / CONFIG_NAME).is_file() or (folder / LOG_NAME).is_file()


def read_run(folder: str | Path) -> RunLog:
    """Reads a run folder, that of a run which was cut off too.

    Raises:
        ConfigError: if it is none.
    """
    folder = folder_of(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        otherwise = f"name a run folder of {called('train')}"
        raise ConfigError(f"{folder} {what}; {name_a_run(folder.parent, otherwise)}")
    if not _is_run(folder):
        raise ConfigError(
            f"{folder} is no run folder: it holds neither {CONFIG_NAME} nor {LOG_NAME}; name one "
            f"that {called('train')} wrote"
        )
    rows, gaps = read_log(folder / LOG_NAME)
    kinds: dict[str, list[Row]] = {"start": [], "step": [], "epoch": [], "end": []}
    for row in rows:
        kinds.setdefault(str(row.get("kind")), []).append(row)
    start = kinds["start"][-1] if kinds["start"] else {}
    end = kinds["end"][-1] if kinds["end"] else None
    config = _config(folder, start)
    done = len(kinds["epoch"])
    if end is None:
        gaps.append(
            f"The run has no last row: it was cut off, or is still going on. {done} of "
            f"{config.optim.epochs} epochs are done."
        )
    return RunLog(
        folder=folder,
        config=config,
        start=start,
        steps=kinds["step"],
        epochs=kinds["epoch"],
        end=end,
        seconds=dict(end.get("seconds", {})) if end else _saved_seconds(folder),
        gaps=gaps,
    )


def _config(folder: Path, start: Row) -> RunConfig:
    path = folder / CONFIG_NAME
    if path.is_file() or "config" not in start:
        return load_yaml(path)
    return from_flat(start["config"], str(folder / LOG_NAME))


def read_log(path: Path) -> tuple[list[Row], list[str]]:
    """The rows of a log, and in sentences what of it cannot be read."""
    try:
        rows, bad = read_rows(path)
    except OSError as error:
        return [], [f"There is no log to draw curves from: {path.name}: {error.strerror}."]
    return rows, [f"{bad} lines of {path.name} cannot be read and are left out."] if bad else []


def _saved_seconds(folder: Path) -> dict[str, float]:
    """Up to last.pt, for a run without an end."""
    try:
        return dict(load_checkpoint(folder / LAST_NAME).get("seconds", {}))
    except HeadraceError:
        return {}
