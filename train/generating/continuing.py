"""With which settings the training of a generator goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import to_flat, with_values
from headrace.train.folder.resume import changed_settings, check_given_out, earlier_folder
from headrace.train.folder.run_folder import LAST_NAME, run_settings
from headrace.train.generating.fit_state import PARTS
from headrace.train.generating.generator_file import read_generator_file
from headrace.train.generating.settings import FitConfig

_FREE = {*"data epochs max_minutes out overwrite resume device".split()}
_FREE |= {*"log_every save_every report".split()}
_FREE |= {*"loader workers resident_memory on_bad_sample check_bytes".split()}


def earlier_settings(resume: str) -> FitConfig:
    """The settings of a training that is to go on, on top of which flags are read.

    Args:
        resume: its run folder, or a checkpoint in it.

    Raises:
        HeadraceError: if there is none, or it was not saved.
    """
    saved = with_values(FitConfig(), read_last(resume)["config"])
    # Without its --out, for one that is there after parsing was given just now.
    anew = {"resume": resume, "out": "", "overwrite": False}
    return with_values(_last_asked(saved, earlier_folder(resume)), anew)


def _last_asked(saved: FitConfig, folder: Path) -> FitConfig:
    """The settings of a checkpoint with how much longer its training was asked for since.

    That is in config.yaml before the training is saved with it.
    """
    try:
        told = with_values(saved, run_settings(folder))
    except (ConfigError, TypeError):  # changed by hand
        return saved
    if _changed(saved, told):
        return saved
    return dataclasses.replace(saved, epochs=told.epochs, max_minutes=told.max_minutes)


def _changed(before: FitConfig, now: FitConfig) -> dict[str, tuple[object, object]]:
    """Settings that would make another training of it: each one's old and new value."""
    old, new = to_flat(before), to_flat(now)
    both = {name: (old[name], new[name]) for name in old if name not in _FREE}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def read_last(resume: str) -> dict[str, Any]:
    """What a training goes on from.

    Args:
        resume: its run folder, which stands for its last.pt, or a checkpoint in it.

    Raises:
        HeadraceError: if it was not saved yet, or is damaged.
    """
    folder, path = earlier_folder(resume), Path(resume)
    if path.is_file():
        return read_generator_file(path)
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
    if changed := _changed(with_values(FitConfig(), earlier["config"]), config):
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
