"""What --folds, --repeats and --val-fraction make of the settings, and what they exclude."""

from __future__ import annotations

from headrace.pipeline.errors import ConfigError
from headrace.train.data.drawn_split import with_val_fraction
from headrace.train.settings.config import RunConfig
from headrace.train.trials.settings import TrialsConfig


def with_draws(config: RunConfig, asked: TrialsConfig, val_fraction: float) -> RunConfig:
    """The settings of a new run, or of what its several runs have in common.

    Raises:
        ConfigError: for flags that exclude each other, or draw nothing.
    """
    if val_fraction and asked.folds:
        raise ConfigError(
            f"{asked} and --val-fraction exclude each other: every run is measured on its own "
            "fold; leave one out"
        )
    if asked.split_seed and not (val_fraction or asked.folds):
        raise ConfigError(
            f"--split-seed {asked.split_seed} has nothing to draw; give --val-fraction or --folds"
        )
    return with_val_fraction(config, val_fraction, asked.split_seed)


def check_same_draws(asked: TrialsConfig, before: TrialsConfig, val_fraction: float) -> None:
    """Refuses to go on with other samples or other runs than those that were begun.

    Raises:
        ConfigError: naming the flag.
    """
    for flag, now, then in (
        ("--folds", asked.folds, before.folds),
        ("--repeats", asked.repeats, before.repeats),
        ("--split-seed", asked.split_seed, before.split_seed),
        ("--val-fraction", val_fraction, 0),
    ):
        if now != then:
            raise ConfigError(
                f"{flag} {now} is for a new run: what is resumed keeps its runs and its samples; "
                "leave it out, or begin anew without --resume"
            )
