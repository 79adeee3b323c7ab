"""What makes several runs of one: folds or seeds."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.pipeline.errors import ConfigError
from headrace.train.settings.config import DataConfig, RunConfig
from headrace.train.settings.technique import check

MOST_RUNS = 1000


@dataclass(frozen=True, kw_only=True)
class TrialsConfig:
    """How many runs, of what; neither for a single one."""

    folds: int = 0
    """Train once for each of so many folds of the training split, on all the others:
    cross-validation (0: no)."""
    repeats: int = 0
    """Train once with each of so many seeds, from --seed on (0: no)."""
    split_seed: int = 0
    """Draws --folds and --val-fraction; --seed does not."""

    def __post_init__(self) -> None:
        for name in ("folds", "repeats"):
            number = getattr(self, name)
            check(number == 0 or 2 <= number <= MOST_RUNS, name, number, f"2 to {MOST_RUNS}")
        check(0 <= self.split_seed < 10**18, "split_seed", self.split_seed, "0 to 10**18 - 1")
        if self.folds and self.repeats:
            raise ConfigError("--folds and --repeats exclude each other: take one after the other")

    def __bool__(self) -> bool:
        return bool(self.folds or self.repeats)

    @property
    def count(self) -> int:
        """Number of runs."""
        return self.folds or self.repeats

    def __str__(self) -> str:
        return f"--folds {self.folds}" if self.folds else f"--repeats {self.repeats}"


def check_together(asked: TrialsConfig, config: RunConfig) -> None:
    """Refuses settings of a single run that make no sense for several.

    Raises:
        ConfigError: naming them.
    """
    if config.runtime.overwrite:
        raise ConfigError(
            f"{asked} and --overwrite exclude each other: remove the folder yourself, or name "
            "another with --out"
        )
    if asked.folds and config.optim.distill.teacher:
        raise ConfigError(
            f"{asked} and --teacher exclude each other: a teacher has learnt from the folds that "
            "its students are measured on; take --repeats"
        )
    usual = ("none", DataConfig().val_split)
    if asked.folds and config.data.val_split not in usual:
        raise ConfigError(
            f"{asked} and --val-split {config.data.val_split} exclude each other: every run is "
            "measured on its own fold; leave one out"
        )
