"""What the run folder of a generator says of its training; whatever of that is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.user_paths import resolved
from headrace.pipeline.yaml_text import MOST_CHARACTERS, read_yaml
from headrace.train.folder.run_folder import CONFIG_NAME, GENERATOR_NAME, LAST_NAME, LOG_NAME
from headrace.train.generating.generator_file import read_generator_file
from headrace.train.generating.settings import FitConfig
from headrace.train.reporting.run_log import Row, folder_of, read_log

_NO_LOSS = frozenset("kind epoch step global_step images_per_s data_wait".split())


@dataclass(frozen=True, kw_only=True)
class GeneratorLog:
    """One training of a generator as its folder tells it.

    Attributes:
        folder: the run's.
        config: its settings.
        start: the row of its start; {} if it never began.
        steps: rows of the log, each with its `global_step`, in order.
        end: the last row of a training that came to its end.
        seconds: by phase and in `total`; {} if it is not known.
        told: what generator.pt holds; None where it cannot be read.
        gaps: what is not there, in sentences.
    """

    folder: Path
    config: FitConfig
    start: Row
    steps: list[Row]
    end: Row | None
    seconds: Mapping[str, float]
    told: Mapping[str, Any] | None
    gaps: list[str]

    @property
    def name(self) -> str:
        return resolved(self.folder).name

    @property
    def num_steps(self) -> int:
        """Steps that are in the log."""
        return int(self.steps[-1]["step"]) if self.steps else 0

    @property
    def epochs_done(self) -> int:
        """Whole epochs, as the last row or the file of the generator tells."""
        if self.end is not None and "epoch" in self.end:
            return int(self.end["epoch"])
        return int(self.told["progress"]["epoch"]) if self.told else 0

    @property
    def losses(self) -> list[str]:
        """Names, in the order of the log."""
        return [name for name in self.steps[-1] if name not in _NO_LOSS] if self.steps else []

    @property
    def parameters(self) -> int | None:
        """Of the network that draws."""
        if "parameters" in self.start:
            return int(self.start["parameters"])
        if self.told is None:
            return None
        return sum(weight.numel() for weight in self.told["weights"].values())

    @property
    def median_rate(self) -> float | None:
        """Images per second in the median row of the log."""
        rates = sorted(row["images_per_s"] for row in self.steps)
        return float(rates[len(rates) // 2]) if rates else None


def is_generator(place: str | Path) -> bool:
    """Whether a run folder, or that of a checkpoint, is of a generator's training."""
    folder = folder_of(place)
    if (folder / GENERATOR_NAME).is_file():
        return True
    try:
        with (folder / LOG_NAME).open(encoding="utf-8", errors="backslashreplace") as file:
            return '"generator": {' in file.readline()
    except OSError:
        return "drop_labels" in _yaml(folder / CONFIG_NAME)


def read_generator_run(place: str | Path) -> GeneratorLog:
    """Reads the run folder of a generator, that of a training which was cut off too.

    Raises:
        ConfigError: if its settings cannot be read.
    """
    folder = folder_of(place)
    rows, gaps = read_log(folder / LOG_NAME)
    told = None
    try:
        told = read_generator_file(folder)
    except HeadraceError as error:
        gaps.append(f"Nothing can be drawn: {error}.")
    starts = [row for row in rows if row.get("kind") == "start"]
    ends = [row for row in rows if row.get("kind") == "end"]
    steps = [row for row in rows if row.get("kind") == "steps"]
    whole: list[Row] = [{**row, "global_step": row["step"]} for row in steps if _is_whole(row)]
    if len(whole) < len(steps):
        gaps.append(f"{len(steps) - len(whole)} rows of {LOG_NAME} lack a number and are left out.")
    start, end = starts[-1] if starts else {}, ends[-1] if ends else None
    log = GeneratorLog(
        folder=folder,
        config=_config(folder, start, told),
        start=start,
        steps=whole,
        end=end,
        seconds=_seconds(folder, end),
        told=told,
        gaps=gaps,
    )
    if end is None:
        gaps.append(
            "The training has no last row: it was cut off, or is still going on. "
            f"{log.epochs_done} of {log.config.epochs} epochs are saved."
        )
    return log


def _is_whole(row: Row) -> bool:
    needed = ("step", "epoch", "loss", "images_per_s", "data_wait")
    return all(isinstance(row.get(name), int | float) for name in needed)


def _config(folder: Path, start: Row, told: Mapping[str, Any] | None) -> FitConfig:
    """The settings with which it was trained last."""
    saved = told["config"] if told else _yaml(folder / CONFIG_NAME) or start.get("config", {})
    try:
        return with_values(FitConfig(), saved)
    except (ConfigError, TypeError) as error:
        raise ConfigError(
            f"{folder}: its settings are not those of a generator's training: {error}"
        ) from None


def _yaml(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            values = read_yaml(file.read(MOST_CHARACTERS + 1))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _seconds(folder: Path, end: Row | None) -> dict[str, float]:
    """Of a training without an end, up to last.pt."""
    found: Any = end.get("seconds") if end else None
    if end is None:
        try:
            found = read_generator_file(folder / LAST_NAME).get("seconds")
        except HeadraceError:
            found = None
    if isinstance(found, int | float):
        return {"total": float(found)}
    return dict(found) if isinstance(found, dict) else {}
