"""What is said of words of a command line that cannot be read: in one line, in the flags' words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import tyro

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import flag_of, setting_types, to_flat, walk_owners
from headrace.pipeline.near_names import did_you_mean

_REWORDED = {
    r"invalid literal for int\(\) with base 10: (.*)": r"\1 is not a whole number",
    r"could not convert string to float: (.*)": r"\1 is not a number",
    r"no type matching (.*) could be instantiated from \[\]": r"'' is not \1",
    r"no type matching (.*) could be instantiated from \[(.*)\]": r"\2 is not \1",
    r"Could not (?:parse|find valid parse for) arguments:? \[(.*?)\].*": r"\1 cannot be read",
    r"Exceeds the limit .* value has (\d+) digits.*": r"a number of \1 digits is too long",
    r"(\d{60})\d{40,}": r"\1...",
    r"Expected 1 values": "Expected 1 value",
}
_UNKNOWN, _PACKED = "Unrecognized options: ", (".beton", ".tar")
_KIND = r"INT|FLOAT|STR|\{[^{}]*\}"
_KINDS = {"INT": "a whole number", "FLOAT": "a number", "STR": "text", "{INT INT}": "two of them"}


def said_by_settings(error: BaseException | None) -> str:
    """What a dataclass that refuses its values has said, "" if it was none."""
    while error is not None:
        if isinstance(error, ConfigError):
            return str(error)
        error = error.__context__
    return ""


def as_flags(message: str, settings: Any) -> str:
    """A message with flags in the place of settings: of that which it begins with, and of all that
    have an underscore, as no word of a sentence has; in Python the same message has the names."""
    known, words = setting_types(settings), message.split(" ")
    for count in (3, 2, 1):  # `max side` and `max_side` are the same setting
        name = "_".join(words[:count])
        if name in known:
            message = " ".join([flag_of(name), *words[count:]])
            break
    compound = "|".join(name for name in known if "_" in name)
    if not compound:
        return message
    alone = rf"(?<![\w./'\"=-])(?:{compound})(?![\w./'\"=])"  # no part of a path or of code
    return re.sub(alone, lambda found: flag_of(found[0]), message)


def set_by(origin: str, message: str, words: Sequence[str], default: Any) -> str:
    """What to add to a complaint about flags that were not typed, but set by a preset or a file."""
    typed = {word.partition("=")[0].replace("_", "-") for word in words}
    usual, now = to_flat(type(default)()), to_flat(default)
    named = {
        flag: name
        for flag in re.findall(r"--[a-z][\w-]*", message)
        if (name := flag.removeprefix("--").replace("-", "_")) in now
        and now[name] != usual.get(name)
        and typed.isdisjoint((flag, f"--no-{flag.removeprefix('--')}"))
    }
    if not named:
        return ""
    endless = all(usual.get(name) == () for name in named.values())
    back = " (given without a value, it takes that back)" if endless else ""
    return f"; {origin} sets {' and '.join(named)}{back}"


def said_by_parser(box: str, words: Sequence[str], settings: Any, prog: str) -> str:
    """What the parser says, in one line; but of words that it has no place for, where they belong.

    Args:
        box: what it has drawn.
        words: of the command line.
        settings: dataclass of the flags, or one that has been filled in.
        prog: how the user calls the command.
    """
    message = _in_one_line(box)
    places = positional_names(settings)
    missing = re.match(r"Missing value for argument '(\w+)'", message)
    if missing and missing[1] in places:  # a flag that there is not has taken the words behind it
        unknown = [word for word in words if _is_unknown(word, settings)]
        near = did_you_mean(unknown[0], map(flag_of, setting_types(settings))) if unknown else ""
        return f"{_UNKNOWN}{unknown[0]}{near}" if unknown else f"expected {places[missing[1]]}"
    stray = message.removeprefix(_UNKNOWN).split(", ") if message.startswith(_UNKNOWN) else []
    if not stray or any(word.startswith("-") for word in stray):
        return message
    named = any(word.split("=")[0] == "--data" for word in words)
    meant = "" if named else _meant_flag(stray, settings, places)
    takes = f"{' '.join(places.values())} and flags" if places else "flags alone"
    return f"no place for {', '.join(stray)}: {prog} takes {takes}{meant}"


def positional_names(settings: Any) -> dict[str, str]:
    """What is given without a flag: setting to name in the help."""
    found = {}
    for name, _, owner in walk_owners(settings):
        marks = getattr(get_type_hints(owner, include_extras=True)[name], "__metadata__", ())
        if tyro.conf.Positional in marks:
            shown = [mark.metavar for mark in marks if getattr(mark, "metavar", None)]
            found[name] = shown[0] if shown else name.upper()
    return found


def _is_unknown(word: str, settings: Any) -> bool:
    """Whether a word has the form of a flag, and there is none of this name."""
    name = word.partition("=")[0].lstrip("-").removeprefix("no-").replace("-", "_")
    flag = re.match(r"--?[A-Za-z]", word)
    return flag is not None and name not in setting_types(settings)


def _meant_flag(stray: Sequence[str], settings: Any, places: Mapping[str, str]) -> str:
    """The flag for words that name data, or where that is not asked for, a model."""
    flags = setting_types(settings).keys() - places.keys()
    data = all(Path(word).exists() or Path(word).suffix in _PACKED for word in stray)
    if "data" in flags and data:
        return f"; did you mean --data {shlex.join(stray)}?"
    if "model" in flags and not {"data"} & flags and len(stray) == 1 and not places:
        return f"; did you mean --model {shlex.quote(stray[0])}?"
    return ""


def _in_one_line(box: str) -> str:
    """The message out of the box that the parser draws: a title, then parts between rules."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", box)
    rows = [row.strip("│").rstrip() for row in text.splitlines()[1:]]
    parts: list[list[str]] = [[]]
    for row in rows:
        if row.strip(" ─-╰╯"):
            parts[-1].append(row)
        elif parts[-1]:
            parts.append([])
    message, *more = (" ".join(" ".join(part).split()) for part in parts)
    if message.startswith("Missing from "):
        names = [row.strip() for row in parts[0] if re.match(r" {5,6}\S", row)]
        message = f"expected {', '.join(names)}"
    message = message.removeprefix("Error parsing ").rstrip(".")
    for theirs, ours in _REWORDED.items():
        message = re.sub(theirs, ours, message)
    message = re.sub(rf"(?<= is not )(?:{_KIND})(?:\|(?:{_KIND}))*$", _kinds_in_words, message)
    choice = re.fullmatch(r"invalid choice '(.*)' for argument '(.*)'. .* \((.*?),?\)", message)
    if choice:
        value, flag, names = choice[1], choice[2], [n.strip(" '\"") for n in choice[3].split(",")]
        message = f"{flag} {value}: expected one of {', '.join(names)}"
        return message + did_you_mean(value, names)
    near = sorted(
        found[1]
        for part in more
        if (found := re.match(r"(?:Perhaps you meant|Arguments similar .*?): (--[\w-]+)", part))
    )
    return (message or "the flags make no sense") + (
        f"; did you mean {', '.join(near)}?" if near else ""
    )


def _kinds_in_words(found: re.Match[str]) -> str:
    """What may be given, as the parser draws it, `INT|{INT INT}|{None}`, in words."""
    return " or ".join(_KINDS.get(kind, kind.strip("{}")) for kind in re.findall(_KIND, found[0]))
