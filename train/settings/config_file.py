"""A run's settings as a flat dict and as YAML: the same names as on the command line."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml

from headrace.pipeline.errors import ConfigError
from headrace.train.settings.config import FREE_ON_RESUME, PARTS, RunConfig


def to_flat(config: RunConfig) -> dict[str, Any]:
    """All settings as one flat dict of plain values; `from_flat` reads it back."""
    flat: dict[str, Any] = {}
    for part in PARTS:
        for key, value in dataclasses.asdict(getattr(config, part)).items():
            flat[key] = list(value) if isinstance(value, tuple) else value
    return flat


def from_flat(values: Mapping[str, Any], source: str) -> RunConfig:
    """Builds a configuration from flat settings; missing ones keep their defaults.

    Args:
        values: setting name to value.
        source: where they come from, for error messages.

    Raises:
        ConfigError: for an unknown name or a value of the wrong type.
    """
    parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    types = {part: get_type_hints(cls) for part, cls in PARTS.items()}
    for key, value in values.items():
        part = next((p for p, hints in types.items() if key in hints), None)
        if part is None:
            raise ConfigError(f"{source}: unknown setting {key!r}; {_nearest(str(key))}")
        parts[part][str(key)] = _convert(types[part][key], value, f"{source}: {key}")
    try:
        return RunConfig(**{part: cls(**parts[part]) for part, cls in PARTS.items()})
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


def load_yaml(path: str | Path) -> RunConfig:
    """Reads a run's settings from YAML.

    Raises:
        ConfigError: if the file is missing, is not a mapping, or holds an unknown key.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
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
    return [key for key in old if key not in FREE_ON_RESUME and old[key] != new[key]]


def _nearest(key: str) -> str:
    names = [f.name for cls in PARTS.values() for f in dataclasses.fields(cls)]
    close = difflib.get_close_matches(key.replace("-", "_"), names, 1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}"


def _convert(hint: Any, value: Any, where: str) -> Any:
    """A YAML value as the field's type; YAML reads 1e-3 as text and 1 as an integer."""
    if hint is Any:
        return value
    if hint == tuple[float, float]:
        if isinstance(value, list | tuple) and len(value) == 2:
            return tuple(_convert(float, v, where) for v in value)
        raise ConfigError(f"{where} is {value!r}, expected two numbers")
    options = get_args(hint) if not isinstance(hint, type) else (hint,)
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
        if option in (int, float) and not isinstance(value, bool):
            try:
                number = float(value)
            except (TypeError, ValueError):
                continue
            if option is float:
                return number
            if number == int(number):
                return int(number)
    raise ConfigError(f"{where} is {value!r}, expected {_type_name(hint)}")


def _type_name(hint: Any) -> str:
    if isinstance(hint, type):
        return {int: "a whole number", float: "a number", str: "text", bool: "true or false"}[hint]
    names = []
    for option in get_args(hint):
        inner = get_args(option) or (option,)
        names += [
            _type_name(i)
            if isinstance(i, type) and i is not type(None)
            else str(i).replace("<class 'NoneType'>", "nothing")
            for i in inner
        ]
    return " or ".join(names)
