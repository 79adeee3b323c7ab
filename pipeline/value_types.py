"""Whether a value is of a setting's type, and what that type is called in a message."""

from __future__ import annotations

import types
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np

from headrace.pipeline.errors import ConfigError

_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def check_types(values: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Refuses values that are of another type than their settings; NumPy's numbers are numbers.

    Args:
        values: setting name to value.
        hints: setting name to type; what is not among them is let through.

    Raises:
        ConfigError: naming the first such setting.
    """
    for name, value in values.items():
        if name in hints and not _fits(value, hints[name]):
            raise ConfigError(f"{name} is {value!r}, expected {type_name(hints[name])}")


def _fits(value: Any, hint: Any) -> bool:
    kind, options = get_origin(hint), get_args(hint)
    if kind in (Union, types.UnionType):
        return any(_fits(value, option) for option in options)
    if kind is Literal:  # which of them there are is for the settings to tell
        return type(value) in map(type, options)
    if kind is tuple and options[-1] is Ellipsis:
        return isinstance(value, tuple | list) and all(_fits(part, options[0]) for part in value)
    if kind is tuple:  # or a list, as JSON and YAML have them
        pairs = isinstance(value, tuple | list) and len(value) == len(options)
        return pairs and all(map(_fits, value, options))
    if hint is bool:
        return isinstance(value, bool | np.bool_)
    if hint in (int, float):
        return isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
    return isinstance(value, hint)


def type_name(hint: Any) -> str:
    """A type in words, such as `a whole number or two of them or nothing`."""
    if hint in _NAMES:
        return _NAMES[hint]
    if hint is type(None):
        return "nothing"
    if get_origin(hint) is tuple and get_args(hint)[-1] is Ellipsis:
        return f"a list, each of it {type_name(get_args(hint)[0])}"
    if get_origin(hint) is tuple:
        return "two of them" if get_args(hint)[0] is int else "two numbers"
    options = get_args(hint)
    if not options:
        return f"a {hint.__name__}" if isinstance(hint, type) else str(hint)
    return " or ".join(map(type_name, options))
