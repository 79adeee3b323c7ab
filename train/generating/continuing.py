"""With which settings the training of a generator goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import to_flat, with_values
from headrace.train.folder.resume import changed_settings
from headrace.train.generating.fit_state import PARTS
from headrace.train.generating.settings import FitConfig

_FREE = {*"data epochs max_minutes out overwrite resume device".split()}
_FREE |= {*"log_every save_every report".split()}
_FREE |= {*"loader workers resident_memory on_bad_sample check_bytes".split()}


def continued(config: FitConfig, earlier: Mapping[str, Any]) -> FitConfig:
    """The settings with which an earlier training goes on.

    Raises:
        ConfigError: for settings that would make another of it.
    """
    if missing := [key for key in PARTS if key not in earlier]:
        raise ConfigError(f"{config.resume} cannot be resumed: it lacks {', '.join(missing)}")
    usual, given = to_flat(FitConfig()), to_flat(config)
    said = {name: value for name, value in given.items() if value != usual[name]}
    before = with_values(FitConfig(), earlier["config"])
    old = to_flat(before)
    changed = {k: (old[k], v) for k, v in said.items() if k not in _FREE and v != old[k]}
    if changed:
        raise changed_settings(changed)
    free = {name: value for name, value in said.items() if name in _FREE}
    found = with_values(before, {**free, "out": config.resume, "resume": config.resume})
    done = earlier["progress"]["epoch"]
    if found.epochs < done:
        raise ConfigError(
            f"--epochs is {found.epochs}, and {done} are done already; give more than {done}"
        )
    minutes, spent = found.max_minutes, _minutes_of(earlier)
    if minutes is not None and spent >= minutes:
        raise ConfigError(
            f"--max-minutes is {minutes:g}, and {spent:.3g} are done already; go on with more"
        )
    return found


def _minutes_of(earlier: Mapping[str, Any]) -> float:
    """What a training has taken so far; 0 of a file that does not say it, and is refused later."""
    seconds = earlier["seconds"]
    total = seconds.get("total") if isinstance(seconds, dict) else None
    return total / 60 if isinstance(total, float) else 0.0
