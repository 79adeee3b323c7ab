"""Presets: whole runs after others' work, as settings; a file names its source and what it takes.

A file says every setting that its source decides, so that another default changes none of it.
"""

from __future__ import annotations

from pathlib import Path

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.near_names import choice_of, near_names
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import load_yaml

_FOLDER = Path(__file__).parent


def preset_names() -> tuple[str, ...]:
    """What --preset takes."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_preset(name: str) -> RunConfig:
    """A preset's settings, without any data.

    Raises:
        ConfigError: for a name that none has; it says the nearest, and all.
    """
    names = preset_names()
    if name not in names:
        near = near_names(name, names)
        meant = f"did you mean {choice_of(near)}? " if near else ""
        raise ConfigError(f"--preset {name}: {meant}there are {', '.join(names)}")
    return load_yaml(_FOLDER / f"{name}.yaml")
