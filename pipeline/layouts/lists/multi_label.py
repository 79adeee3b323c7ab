"""Refuses lists that give an image several labels; a sample here has one."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.headings import words_of

_MARKS = {
    "|": "bars", ";": "semicolons", ",": "commas", "/": "slashes", "+": "plus signs",
    "&": "ampersands", " ": "spaces",
}  # fmt: skip
_OF_NAMES = "/+&"  # stand in names of single classes too: `Corvus/corax`
_BRACKETS = re.compile(r"\[.*\]|\{.*\}|\(.*\)", re.DOTALL)

_SEVERAL = frozenset("tags tag attributes keywords findings objects".split())


def refuse_several_labels(list_name: str, column: str, cells: Sequence[str]) -> None:
    """Looks for cells that hold several labels.

    Parts of a cell are labels if they stand alone elsewhere, or come again in other cells:
    `cat|dog` beside `dog`, but not `golden retriever` beside `labrador retriever`.

    Raises:
        ConfigError: they do.
    """
    values = {cell.strip() for cell in cells} - {""}
    bracketed = [value for value in values if _BRACKETS.fullmatch(value)]
    if bracketed and 2 * len(bracketed) > len(values):
        # One number or word in brackets is one label, and is left as it stands.
        several = [value for value in bracketed if "," in value or value.count(" ") > 0]
        if several:
            _refuse(list_name, column, several[0], "in brackets", cells)
    loose = bool(_SEVERAL & set(words_of(column)))
    for mark, title in _MARKS.items():
        several = [value for value in values if mark in value.strip(mark)]
        if several and _are_labels(mark, several, values, loose):
            _refuse(list_name, column, min(several), f"with {title} between them", cells)


def _are_labels(mark: str, several: Sequence[str], values: Collection[str], loose: bool) -> bool:
    split = [[part.strip() for part in value.split(mark) if part.strip()] for value in several]
    parts = {part for found in split for part in found}
    if all(part in values for part in parts):
        return True
    lengths = {len(found) for found in split}
    sets = {tuple(sorted(found)) for found in split}
    if mark in _OF_NAMES:
        return len(sets) < len(split)
    if mark != " " and any(part in values for part in parts):
        return True
    again = sum(len(found) for found in split) - len(parts)
    if loose and again:
        return True
    if mark != " ":
        # Fewer parts than cells: they come again and again.
        return again > 0 and (len(parts) < len(several) or mark in "|;")
    if all(part.lstrip("-").isdecimal() for part in parts):
        return True
    return len(sets) < len(split) or (len(lengths) > 2 and len(parts) < len(several) / 2)


def _refuse(list_name: str, column: str, value: str, how: str, cells: Sequence[str]) -> None:
    count = sum(cell.strip() == value for cell in cells)
    raise ConfigError(
        f"{list_name}: the column {column} holds several labels {how} ({value[:60]!r} in {count} "
        "rows); an image has one label here, so that such a list cannot be packed: choose another "
        "column with --label-column, or make a list with one label for each image"
    )
