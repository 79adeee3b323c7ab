"""How settings refuse a value: they name the setting, the value and what was expected."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.near_names import did_you_mean

_LONGEST = 300  # characters of a value in a message


def check(ok: bool, name: str, value: object, expected: str) -> None:
    """Refuses a setting unless `ok`.

    Raises:
        ConfigError: naming the setting, its value and what was expected.
    """
    if not ok:
        raise ConfigError(f"{name} is {value_text(value)}, expected {expected}")


def value_text(value: object) -> str:
    """A value as a message has it, the beginning of a long one."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Refuses a setting that is none of `choices`; raises as `check`."""
    names = tuple(choices)
    check(value in names, name, value, f"one of {', '.join(names)}{did_you_mean(value, names)}")
