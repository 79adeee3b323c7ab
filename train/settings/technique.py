"""What the settings of all techniques that are chosen by name have in common: their type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.pipeline import checking
from headrace.pipeline.flat_settings import flag_of


@dataclass(frozen=True, kw_only=True)
class Technique:
    """Settings of one technique, which its file defines as `Settings`.

    A setting's name is its flag, and no technique of another room has the same.
    """


def check(ok: bool, name: str, value: object, expected: str) -> None:
    """As the one in pipeline/checking.py, naming the setting's flag."""
    checking.check(ok, flag_of(name), value, expected)


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """As the one in pipeline/checking.py, naming the setting's flag."""
    checking.check_choice(flag_of(name), value, choices)


def check_all(settings: object, expected: Mapping[str, tuple[Any, str]]) -> None:
    """Refuses each field that fails its test; the mapping gives test and words by name."""
    for name, (test, words) in expected.items():
        value = getattr(settings, name)
        check(test(value), name, value, words)


def above_zero(value: float) -> bool:
    return 0 < value < float("inf")


def not_negative(value: float) -> bool:
    return 0 <= value < float("inf")


def share(value: float) -> bool:
    """From 0 to below 1."""
    return 0 <= value < 1


def shares(values: tuple[float, float]) -> bool:
    return all(share(value) for value in values)


ABOVE_ZERO = (above_zero, "above 0")
NOT_NEGATIVE = (not_negative, "0 or more")
SHARE = (share, "from 0 to below 1")
SHARES = (shares, "two numbers from 0 to below 1")
