"""With which settings the training of a generator goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import to_flat, with_values
from headrace.train.folder.resume import changed_settings, check_given_out, earlier_folder
from headrace.train.folder.run_folder import LAST_NAME
from headrace.train.generating.fit_state import PARTS
from headrace.train.generating.generator_file import read_generator_file
from headrace.train.generating.settings import FitConfig

_FREE = {*"data epochs max_minutes out overwrite resume device".split()}
_FREE |= {*"log_every save_every report".split()}
_FREE |= {*"loader workers resident_memory on_bad_sample check_bytes".split()}


def earlier_settings(resume: str) -> FitConfig:
    """The settings of a training that is to go on, on top of which flags are read.

    Args:
        resume: its run folder.

    Raises:
        HeadraceError: if there is none, or it was not saved.
    """
    earlier = read_last(earlier_folder(resume))
    # Without its --out, for one that is there after parsing was given just now.
    anew = {"resume": resume, "out": "", "overwrite": False}
    return with_values(FitConfig(), {**earlier["config"], **anew})


def read_last(folder: Path) -> dict[str, Any]:
    """The last.pt of a training.

    Raises:
        HeadraceError: if it was not saved yet, or is damaged.
    """
    if not (folder / LAST_NAME).is_file():
        raise ConfigError(
            f"{folder} holds no {LAST_NAME}, as the training ended before it was first saved; "
            f"begin it again with --out {folder} --overwrite"
        )
    return read_generator_file(folder / LAST_NAME)


def continued(config: FitConfig, earlier: Mapping[str, Any], folder: Path) -> FitConfig:
    """The settings with which an earlier training goes on, in its own folder.

    Args:
        config: all that is asked for, see `earlier_settings`.
        earlier: the content of its last.pt.
        folder: its run folder.

    Raises:
        ConfigError: for settings that would make another of it.
    """
    if missing := [key for key in PARTS if key not in earlier]:
        raise ConfigError(f"{config.resume} cannot be resumed: it lacks {', '.join(missing)}")
    if config.out:
        check_given_out(config.out, folder)
    old, new = to_flat(with_values(FitConfig(), earlier["config"])), to_flat(config)
    changed = {name: (old[name], new[name]) for name in old if name not in _FREE}
    changed = {name: both for name, both in changed.items() if both[0] != both[1]}
    if changed:
        raise changed_settings(changed)
    found = dataclasses.replace(config, out=str(folder), resume=str(folder))
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
