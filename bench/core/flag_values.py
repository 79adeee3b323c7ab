"""Values of command-line flags that the benchmarks share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from headrace.pipeline.errors import ConfigError


def count(text: str) -> int:
    """A whole number of 0 or more."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def positive(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """A duration, s."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def scale(text: str) -> tuple[float, float]:
    """A pair `A,B` of shares of the area."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not 0 < low <= high <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a pair like 0.08,1 with 0 < A <= B <= 1")
    return low, high


def names(given: Sequence[str], known: Sequence[str], flag: str, prefix: str = "") -> list[str]:
    """The chosen names in order, each once; `all` and `none` stand for what they say.

    Args:
        given: words of the command line; commas separate names too.
        known: what there is to choose from.
        flag: named in errors.
        prefix: that may stand before a name.

    Raises:
        ConfigError: for a name that is not known.
    """
    found: list[str] = []
    for name in (part for word in given for part in word.split(",") if part):
        name = name.removeprefix(prefix)
        if name == "all":
            found += known
        elif name in known:
            found.append(name)
        elif name != "none":
            raise ConfigError(f"{flag} {name}: expected all, none, or of {', '.join(known)}")
    return list(dict.fromkeys(found))
