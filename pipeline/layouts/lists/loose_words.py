"""Words that may be a cell of their own, or belong to the file's name or the label beside them."""

from __future__ import annotations

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.evidence import weigh
from headrace.pipeline.layouts.lists.finding import ELSEWHERE, TAIL, Finder, Place, is_absolute
from headrace.pipeline.layouts.lists.headings import is_split_heading
from headrace.pipeline.layouts.lists.matching import Match
from headrace.pipeline.layouts.lists.spaced_lines import CUTS
from headrace.pipeline.layouts.lists.tables import SEPARATORS, Table
from headrace.pipeline.layouts.split_words import split_cell

_SAMPLE = 400


def is_loose(finder: Finder, folder: str, entry: str, place: Place) -> bool:
    """Whether an entry names the same image without its first word, and no folder speaks for it.

    Args:
        finder: of the scanned images.
        folder: of the list.
        entry: as it stands in the list.
        place: what it names.
    """
    words = entry.split(None, 1)
    if len(words) < 2 or place.form not in (TAIL, ELSEWHERE) or is_absolute(entry):
        return False
    return finder.find(words[1], folder) == place


def ask_loose_words(table: Table, match: Match, finder: Finder) -> None:
    """Asks about words beside paths, where nothing but spaces is between columns.

    `apple pie/1.jpg` may be the image of a folder that is not there, or one that is labelled apple;
    `my 1.jpg apple pie` has two words behind the path, where other lines have one.

    Args:
        table: without its heading row.
        match: its column of paths.
        finder: of the scanned images.

    Raises:
        ConfigError: words may be either.
    """
    if table.separator not in CUTS:
        return
    column = match.column
    for row, path in zip(table.rows, match.paths, strict=True):
        words = [] if path else row[column].split()
        begins = (" ".join(words[:n]) for n in range(1, len(words)))
        if any(finder.find(entry, table.folder).paths for entry in begins):
            raise ConfigError(
                f"{table.name}: {row[column]!r} goes on behind the name of a file: put tabs or "
                "commas between the columns, or quotes around what holds spaces"
            )
    named = [row for row, path in zip(table.rows, match.paths, strict=True) if path]
    sample = named[:: max(1, len(named) // _SAMPLE)]
    for row in sample:
        entry = row[column]
        place = finder.find(entry, table.folder)
        for mark in SEPARATORS.values():
            inner = finder.find(entry.partition(mark)[2], table.folder)
            if place.form in (TAIL, ELSEWHERE) and inner.paths == place.paths:
                raise ConfigError(
                    f"{table.name}: {entry!r} names an image behind its first {mark!r}: put quotes "
                    "around the names, which hold such marks too"
                )
    longer = [row[column] for row in named if _is_loose_cell(finder, table, row[column])]
    if column and 0 < 2 * len(longer) <= len(named):
        word = longer[0].split()[0]
        raise ConfigError(
            f"{table.name}: does {word!r} belong to the path in {longer[0]!r}, or to the label "
            "before it? put tabs or commas between the columns, or quotes around what holds spaces"
        )
    for first in range(column - 1, -1, -1):
        loose = [row for row in sample if _begins_sooner(finder, table, row, first, column)]
        if 2 * len(loose) <= len(sample):
            return
        if weigh([row[first] for row in loose]).kind in ("words", "flag"):
            word, entry = loose[0][first], loose[0][column]
            raise ConfigError(
                f"{table.name}: is {word!r} before {entry!r} a cell of its own, or does the path "
                f"begin with it? say --label-column {first} if it is the label, else put tabs "
                "between the columns, or write the paths without spaces"
            )


def ask_split_words(table: Table, path_column: int, named_split: str | None) -> None:
    """Asks about words for splits that may be part of labels, where spaces are between columns.

    `1.jpg test tube` and `2.jpg train station` may be of two splits, or of two classes, unless some
    class is in both splits.

    Args:
        table: without its heading row.
        path_column: its column of paths.
        named_split: that its name stands for; a column that says just this is no label's.

    Raises:
        ConfigError: words may be either.
    """
    columns = set(range(table.width)) - {path_column} if table.separator in CUTS else set()
    for column in sorted(columns):
        cells = table.cells(column)
        told = bool(table.heading) and is_split_heading(table.title(column))
        if told or weigh(cells).kind != "split" or {split_cell(c) for c in cells} == {named_split}:
            continue
        for beside in sorted(columns & {column - 1, column + 1}):
            found = weigh(table.cells(beside))
            pairs = {(row[column], row[beside]) for row in table.rows}
            if found.kind == "words" and not found.is_unique and len(pairs) == found.num_distinct:
                first, last = sorted((column, beside))
                label = " ".join(table.rows[0][first : last + 1])
                raise ConfigError(
                    f"{table.name}: is {label!r} a label, or is {cells[0]!r} the split and "
                    f"{table.rows[0][beside]!r} the label? say --split-column "
                    f"{table.title(column).removeprefix('number ')} if it is the split, else put "
                    "tabs or commas between the columns, or quotes around labels"
                )


def _is_loose_cell(finder: Finder, table: Table, entry: str) -> bool:
    return " " in entry and is_loose(finder, table.folder, entry, finder.find(entry, table.folder))


def _begins_sooner(finder: Finder, table: Table, row: list[str], first: int, column: int) -> bool:
    """Whether an entry and the words before it, from one column on, name the same image."""
    entry = " ".join(row[first : column + 1])
    place = finder.find(row[column], table.folder)
    if place.form not in (TAIL, ELSEWHERE) or is_absolute(row[column]):
        return False
    return finder.find(entry, table.folder) == place
