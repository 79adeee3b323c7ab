"""Nested frozen settings under one flat set of names, which are unique over all of them.

A stage's settings are a dataclass, contained in that of the next stage. Flags, YAML and keyword
arguments name a setting without saying where it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_type_hints

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.near_names import choice_of, near_names

Settings = TypeVar("Settings")


def flag_of(name: str) -> str:
    """A setting's flag: `--min-lr` of `min_lr`."""
    return f"--{name.replace('_', '-')}"


def setting_types(settings: Any) -> dict[str, Any]:
    """Every setting's name and type, those of nested dataclasses in the place of their fields.

    Args:
        settings: a dataclass, or one that has been filled in: of a field that holds a subclass of
            what it is declared as, only the latter knows all.
    """
    return dict(walk(settings))


def walk(settings: Any) -> Iterator[tuple[str, Any]]:
    """(name, type) of every setting, in order."""
    for name, hint, _ in walk_owners(settings):
        yield name, hint


def walk_owners(settings: Any) -> Iterator[tuple[str, Any, type]]:
    """(name, type, dataclass that has it) of every setting, in order."""
    kind = settings if isinstance(settings, type) else type(settings)
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if not dataclasses.is_dataclass(hint):
            yield field.name, hint, kind
        elif settings is kind:
            yield from walk_owners(hint)
        else:
            yield from walk_owners(getattr(settings, field.name))


def to_flat(settings: Any) -> dict[str, Any]:
    """Name to value of every setting."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            flat |= to_flat(value)
        else:
            flat[field.name] = value
    return flat


def with_values(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with other values, wherever in them they belong.

    Raises:
        ConfigError: for an unknown name, or a value that cannot work.
    """
    known = setting_types(settings)
    for name in values:
        if name not in known:
            raise ConfigError(f"unknown setting {name!r}; {nearest(name, known)}")
    return _replaced(settings, values)


def _replaced(settings: Any, values: Mapping[str, Any]) -> Any:
    changed = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            changed[field.name] = _replaced(value, values)
        elif field.name in values:
            changed[field.name] = values[field.name]
    return dataclasses.replace(settings, **changed)


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """What a wrong name was meant to be, or all there are."""
    close = near_names(name, known)
    return (
        f"did you mean {choice_of([*map(repr, close)])}?"
        if close
        else f"known are {', '.join(known)}"
    )
