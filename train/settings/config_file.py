"""A run's settings as a flat dict and as YAML: the same names as on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml

from headrace.pipeline import flat_settings
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import nearest, setting_types, with_values
from headrace.pipeline.trained import CONFIG_NAME
from headrace.pipeline.value_types import type_name
from headrace.pipeline.wording import one_line
from headrace.pipeline.yaml_text import MOST_CHARACTERS, read_yaml
from headrace.train.settings.config import FREE_ON_RESUME, LONGER, STARTS, RunConfig
from headrace.train.settings.optim import OptimConfig
from headrace.train.settings.rooms import ROOMS, refused

EARLIER = {"repeats": "aug_repeats"}
"""Names that settings had in runs of before, and have no longer."""


def to_flat(config: RunConfig) -> dict[str, Any]:
    """All settings as one flat dict of plain values; `from_flat` reads it back."""
    flat = flat_settings.to_flat(config)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in flat.items()}


def from_flat(values: Mapping[str, Any], source: str) -> RunConfig:
    """Builds a configuration from flat settings; missing ones keep their defaults.

    Args:
        values: setting name to value.
        source: where they come from, for error messages.

    Raises:
        ConfigError: for an unknown name or a value of the wrong type.
    """
    values = {EARLIER.get(key, key): value for key, value in values.items()}
    try:
        # These first: they decide which settings there are.
        chosen = {room: values[room] for room in ROOMS if room in values}
        config = RunConfig(optim=OptimConfig(**chosen))
        types = setting_types(config)
        converted = {}
        for key, value in values.items():
            if key not in types:
                why = refused(str(key), config.optim.chosen, str(key))
                raise ConfigError(why or f"unknown setting {key!r}; {nearest(str(key), types)}")
            converted[key] = _convert(types[key], value, key)
        return with_values(config, converted)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


def load_yaml(path: str | Path) -> RunConfig:
    """Reads a run's settings from YAML.

    Raises:
        ConfigError: if the file is missing, is not a mapping, or holds an unknown key.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            values = read_yaml(file.read(MOST_CHARACTERS + 1))
    except IsADirectoryError:
        inside = Path(path) / CONFIG_NAME
        meant = f"; did you mean {inside}?" if inside.is_file() else ""
        raise ConfigError(f"{path} is a folder, expected a YAML file of settings{meant}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # of its bytes, its text, or a NUL in the path
        raise ConfigError(f"{path} is not YAML of settings: {one_line(error)}") from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds a {type(values).__name__}, expected `setting: value` rows")
    return from_flat(values, str(path))


def dump_yaml(config: RunConfig) -> str:
    """The settings as YAML text that `load_yaml` reads back to an equal configuration."""
    return yaml.safe_dump(to_flat(config), sort_keys=False, default_flow_style=None)


def changed_keys(before: RunConfig, after: RunConfig) -> list[str]:
    """Settings that differ and that a resumed run must not change."""
    old, new = to_flat(before), to_flat(after)
    # What only one of two techniques can set goes without saying where the technique is another.
    free = FREE_ON_RESUME | LONGER
    both = [key for key in old if key in new and key not in free]
    given = [key for key in STARTS if new[key]]
    return [key for key in [*both, *given] if old[key] != new[key]]


def _convert(hint: Any, value: Any, where: str) -> Any:
    """A YAML value as the field's type; YAML reads 1e-3 as text and 1 as an integer."""
    if hint is Any:
        return value
    if hint == tuple[float, float]:
        if isinstance(value, list | tuple) and len(value) == 2:
            return tuple(_convert(float, v, where) for v in value)
        raise ConfigError(f"{where} is {value!r}, expected two numbers")
    if hint == tuple[str, ...]:
        return tuple(str(v) for v in (value if isinstance(value, list | tuple) else (value,)))
    if hint == tuple[float, ...]:
        numbers = value if isinstance(value, list | tuple) else (value,)
        return tuple(_convert(float, number, where) for number in numbers)
    options = get_args(hint) if not isinstance(hint, type) else (hint,)
    if isinstance(value, list | tuple) and tuple[int, int] in options and len(value) == 2:
        return tuple(_convert(int, v, where) for v in value)
    if isinstance(value, list | tuple) and tuple[str, ...] in options:
        return tuple(_convert(str, text, where) for text in value)
    if value in options or (value is None and type(None) in options):
        return value
    if isinstance(value, bool) and ("on" if value else "off") in options:
        return "on" if value else "off"  # YAML 1.1 reads a bare on or off as a boolean
    for option in options:
        if get_args(option) and value in get_args(option):
            return value
        if option is bool and isinstance(value, bool):
            return value
        if option is str and isinstance(value, str):
            return value
        if option is int and type(value) is int:
            return value  # as a float, a large one would become another
        if option in (int, float) and not isinstance(value, bool):
            try:
                number = float(value)
            except (TypeError, ValueError, OverflowError):
                continue
            if option is float:
                return number
            if number.is_integer():
                return int(number)
    raise ConfigError(f"{where} is {value!r}, expected {type_name(hint)}")
