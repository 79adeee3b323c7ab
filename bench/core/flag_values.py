"""Values of command-line flags that the benchmarks share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

from tyro.conf import arg
from tyro.constructors import PrimitiveConstructorSpec

from headrace.pipeline.checking import check
from headrace.pipeline.command_line import called
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.pipeline.json_file import check_json
from headrace.pipeline.near_names import did_you_mean

LONGEST_S = 3600
Settings = TypeVar("Settings")
OutFile = Annotated[Path | None, arg(metavar="F", help_behavior_hint="")]
"""Type of a field that names a file to write, or none."""


def parse_bench(kind: type[Settings], word: str, arguments: Sequence[str]) -> Settings:
    """Reads a benchmark's flags; its --json must be writable before anything is measured.

    Args:
        kind: a dataclass with a field `json`.
        word: `bench NAME`.

    Raises:
        ConfigError: for flags that cannot work.
    """
    given = parse(kind, called(word), arguments)
    path = getattr(given, "json", None)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_json(path)
    return given


def check_out(path: Path | None) -> None:
    """Refuses an --out that is something else than a folder, or than none yet."""
    if path is not None and path.exists() and not path.is_dir():
        raise ConfigError(f"--out {path} is a file; name a folder")


def check_seconds(flag: str, value: float) -> None:
    """Refuses what is no duration of a run, s."""
    if not 0 <= value < LONGEST_S:
        raise ConfigError(f"{flag} {value}: expected 0 to below {LONGEST_S} seconds")


def check_seeds(name: str, seeds: Sequence[int]) -> None:
    """Refuses a setting that names no seed, or one of them twice."""
    check(len(set(seeds)) == len(seeds) > 0, name, seeds, "each once")


def scale(text: str) -> tuple[float, float]:
    """A pair `A,B` of shares of the area."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not 0 < low <= high <= 1:
        raise ValueError(f"{text!r} is not a pair like 0.08,1 with 0 < A <= B <= 1")
    return low, high


Scales = Annotated[
    tuple[tuple[float, float], ...],
    PrimitiveConstructorSpec(
        nargs="*",
        metavar="A,B ...",
        instance_from_str=lambda words: tuple(map(scale, words)),
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [f"{low:g},{high:g}" for low, high in value],
    ),
]
"""Type of a field that holds such pairs, one a word."""


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
            near = did_you_mean(name, known)
            raise ConfigError(f"{flag} {name}: expected all, none, or of {', '.join(known)}{near}")
    return list(dict.fromkeys(found))
