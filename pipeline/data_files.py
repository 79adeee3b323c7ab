"""Which files make up a set of records, and which share of a training epoch each is given.

Several files are one set: `real.beton synthetic.beton:0.3`. What follows the last colon is a share
if it is a number and there is no file of the whole name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from headrace.pipeline.errors import ConfigError

DataPath: TypeAlias = str | Path | Sequence[str | Path]
"""One file or folder, or several files: each may end in `:SHARE`, save for the first."""

_SHARED = re.compile(r"(.+):([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One of the files that records are of.

    Attributes:
        path: of the file or folder.
        share: how much of a training epoch its samples make up, above 0 and below 1; None where
            each of them comes once.
        synthetic: what its manifest says of how its images were made; None where they are
            photographs, or it has not been opened.
    """

    path: Path
    share: float | None = None
    synthetic: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """As a user gives it."""
        return str(self.path) if self.share is None else f"{self.path}:{self.share}"


def read_data(given: DataPath) -> tuple[DataFile, ...]:
    """The files that are meant, none of them opened.

    Raises:
        ConfigError: for no file at all, a share that none can have, or files that share all.
    """
    places = [given] if isinstance(given, str | Path) else list(given)
    if not places:
        raise ConfigError("no data: expected at least one file")
    found = tuple(map(_read, places))
    if found[0].share is not None:
        raise ConfigError(
            f"{places[0]}: the first file cannot have a share, since files without one make up the "
            "rest of an epoch; name a file without one first"
        )
    shares = [file.share for file in found if file.share is not None]
    if sum(shares) >= 1:
        raise ConfigError(
            f"the shares {', '.join(f'{share:g}' for share in shares)} are {sum(shares):g} "
            "together, expected below 1: the files without one take up the rest of an epoch"
        )
    return found


def _read(place: str | Path) -> DataFile:
    match = _SHARED.fullmatch(str(place))
    if match is None or Path(place).exists():
        return DataFile(path=Path(place))
    share = float(match[2])
    if not 0 < share < 1:
        raise ConfigError(
            f"{place}: its share is {match[2]}, expected above 0 and below 1, as {match[1]}:0.3"
        )
    return DataFile(path=Path(match[1]), share=share)


def first_path(given: DataPath) -> Path:
    """The first of the files, which has no share."""
    return Path(given if isinstance(given, str | Path) else given[0])


def short_words(given: DataPath) -> str:
    """What was given without its folders."""
    places = [given] if isinstance(given, str | Path) else given
    return " and ".join(Path(place).name for place in places)


def in_words(given: DataPath | Sequence[DataFile]) -> str:
    """What was given, in one line, as on a command line."""
    return str(given) if isinstance(given, str | Path) else " ".join(map(str, given))
