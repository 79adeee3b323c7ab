"""The words of a command line before they are parsed: flat, and with what they choose known.

Which flags there are depends on the techniques that are chosen, so those are read first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import nearest, setting_types
from headrace.train.settings.config import RunConfig
from headrace.train.settings.rooms import ROOMS, refused

NAMES = {"optim": "optimizer", "model": "model", **{room: room for room in ROOMS}}
"""What `--PART.name` chooses."""


def prepare(words: Sequence[str], base: RunConfig) -> tuple[list[str], RunConfig]:
    """Makes `--optim.lr 3e-4` into `--lr 3e-4` and looks which techniques are chosen.

    Args:
        words: of the command line.
        base: the settings on which they come.

    Returns:
        The words, and the settings with the techniques that they choose, whose flags may follow.

    Raises:
        ConfigError: for a part or a setting that there is not, or that another technique has.
    """
    flat = [_chooser(word) for word in words]
    chosen = {room: peek(flat, f"--{room}") or getattr(base.optim, room) for room in ROOMS}
    for room, name in chosen.items():
        if name not in ROOMS[room]:
            return [f"--{room}", name], base  # the parser says what is wrong with it
    base = dataclasses.replace(base, optim=base.optim.choosing(chosen))
    parts = {name: setting_types(part) for name, part in _parts(base)}
    flat = [_flattened(word, parts, chosen) for word in flat]
    known = setting_types(base)
    for word in flat:
        flag, setting = _flag(word)
        if setting and setting not in known and (why := refused(setting, chosen, flag)):
            raise ConfigError(why)
    return flat, base


def peek(words: Sequence[str], flag: str) -> str:
    """A flag's value before the parsing, for which it decides the defaults; the last counts."""
    found = ""
    for number, word in enumerate(words):
        if word == flag and number + 1 < len(words):
            found = words[number + 1]
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return found


def _flag(word: str) -> tuple[str, str]:
    """A word's flag and the setting that it may mean; both "" if it is none."""
    flag = word.partition("=")[0]
    if not flag.startswith("--"):
        return "", ""
    return flag, flag.removeprefix("--").removeprefix("no-").replace("-", "_")


def _chooser(word: str) -> str:
    """`--optim.name` as `--optimizer`."""
    flag, equals, value = word.partition("=")
    part, dot, name = flag.removeprefix("--").partition(".")
    if flag.startswith("--") and dot and name == "name" and part in NAMES:
        return f"--{NAMES[part]}{equals}{value}"
    return word


def _flattened(word: str, parts: Mapping[str, Mapping[str, Any]], chosen: Mapping[str, str]) -> str:
    """`--optim.lr=1` as `--lr=1`."""
    flag = word.partition("=")[0]
    part, dot, setting = flag.removeprefix("--").rpartition(".")
    if not flag.startswith("--") or not dot:
        return word
    if part not in parts:
        raise ConfigError(
            f"{flag}: there is no part {part!r} of the settings; {nearest(part, parts)}"
        )
    _, name = _flag(f"--{setting}")
    if name not in parts[part]:
        known = {**parts[part], **({"name": ""} if part in NAMES else {})}
        near = nearest(setting, known).replace("_", "-")
        why = refused(name, chosen, flag) if part in NAMES else ""
        raise ConfigError(why or f"{flag}: there is no setting {setting!r} of {part}; {near}")
    return f"--{setting}{word.removeprefix(flag)}"


def _parts(settings: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, dataclass) of each part of nested settings, a room's own under its name."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            room = field.name.removesuffix("_settings")
            name = room if room in ROOMS else f"{place}{field.name}"
            yield name, value
            yield from _parts(value, f"{name}.")
