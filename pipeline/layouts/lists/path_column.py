"""Which column of a list names the images, by how many it names and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.evidence import is_integer
from headrace.pipeline.layouts.lists.finding import ELSEWHERE, FORMS, Finder
from headrace.pipeline.layouts.lists.headings import (
    is_all_titles,
    is_label_heading,
    looks_like_file,
    with_heading,
)
from headrace.pipeline.layouts.lists.loose_words import is_loose
from headrace.pipeline.layouts.lists.matching import Match, ask_folder, match_column
from headrace.pipeline.layouts.lists.tables import Table
from headrace.pipeline.layouts.lists.ways import Fit

_SAMPLE = 400
_RIVAL_SHARE = 4  # below a quarter of the best fit, another column is no rival


@dataclass(frozen=True, kw_only=True)
class PathChoice:
    """A table without its heading row, the column of paths, and those that were weighed too."""

    table: Table
    match: Match
    others: tuple[Match, ...]


def fit_of_rows(finder: Finder, folder: str, rows: Sequence[Sequence[str]]) -> Fit:
    """How well the best column of some rows names images; sure names count double."""
    width = max((len(row) for row in rows), default=0)
    best = Fit(0, (None,) * len(rows), 0)
    for column in range(width):
        points = loose = 0
        images: list[str | None] = []
        for row in rows:
            cell = row[column] if column < len(row) else ""
            place = finder.find(cell, folder)
            is_sure = len(place.paths) == 1 and not is_integer(cell)
            images.append(place.paths[0] if is_sure else None)
            if place.paths:
                points += 1
                points += place.form != ELSEWHERE and not is_integer(cell)
                loose += is_loose(finder, folder, cell, place)
        share = points / 2 / max(1, len(rows))
        if share > best.share:
            best = Fit(share, tuple(images), loose)
    return best


def choose_paths(
    table: Table,
    finder: Finder,
    scopes: Sequence[str],
    wanted: int | None = None,
    only: str | None = None,
) -> PathChoice | None:
    """The column of paths, or None where no column names any image.

    Args:
        table: with its heading still among the rows, unless it is known.
        finder: of the scanned images.
        scopes: folders to look in, where names alone are shared by several, best first.
        wanted: the column that the user gave.
        only: the folder to look in, as the user says, with a slash at its end; "" for all.

    Raises:
        ConfigError: two columns name images equally well, and not the same ones, or names are
            shared by the images of several folders.
    """
    columns = range(table.width) if wanted is None else [wanted]
    matches = []
    for column in columns:
        cells = table.cells(column)
        sample = cells[:: max(1, len(cells) // _SAMPLE)]
        if any(finder.find(cell, table.folder).paths for cell in sample):
            matches.append(match_column(table, column, finder, scopes, only))
    matches = [match for match in matches if match.num_named or match.num_shared]
    if not matches:
        return None
    table, matches = _without_heading(table, matches, finder)
    best = _best(table, matches)
    if best.num_shared and only is None:
        ask_folder(table, best, finder)
    others = tuple(match for match in matches if match is not best)
    if wanted is None and not _is_one_to_one(best):
        return None
    if best.question is not None:
        raise best.question
    if wanted is None and not best.is_sure:
        _check_hidden(table, best)
    return PathChoice(table=table, match=best, others=others)


def _check_hidden(table: Table, best: Match) -> None:
    """Refuses numbers as names, where another column holds names of files that are not there."""
    for column in range(table.width):
        if column == best.column:
            continue
        cells = [cell for cell in table.cells(column) if cell]
        named = sum(looks_like_file(cell) for cell in cells)
        if cells and named > 0.9 * len(cells) and len(set(cells)) > 0.5 * len(table.rows):
            raise ConfigError(
                f"{table.name}: {best.figures(table)}, but {table.title(column)} is what holds "
                f"file names ({cells[0]}), and none of them is there; say --path-column"
            )


def _without_heading(
    table: Table, matches: list[Match], finder: Finder
) -> tuple[Table, list[Match]]:
    named = table
    if table.heading is None:
        # A heading names no image in any column, but by chance.
        first = any(match.paths[0] is not None and match.is_sure for match in matches)
        best = max(matches, key=lambda match: match.num_files + match.num_shared)
        place = finder.find(table.rows[0][best.column], table.folder)
        titles = is_all_titles(table.rows[0])  # `name,label`, though there be a name.jpg
        named = with_heading(table, best.column, not titles and (first or bool(place.paths)))
    if len(named.rows) == len(table.rows):
        return named, matches
    cut = [
        replace(
            match, paths=match.paths[1:], shared_rows=frozenset(i - 1 for i in match.shared_rows)
        )
        for match in matches
    ]
    return named, [match for match in cut if match.num_named or match.num_shared]


def _best(table: Table, matches: list[Match]) -> Match:
    """The match that names most files, sure ones before numbers.

    Raises:
        ConfigError: another one does as well, and means other files.
    """
    sure = [match for match in matches if match.is_sure and _is_one_to_one(match)]
    most = max((match.num_files for match in sure), default=0)
    if 2 * most >= len(table.rows):
        pool = sure
    else:
        pool = [match for match in matches if _is_one_to_one(match)] or matches
        told = [m for m in pool if not is_label_heading(table, m.column)]
        pool = told or pool
    best = max(pool, key=lambda m: (m.num_files + m.num_shared, m.is_sure, -FORMS.index(m.form)))
    rivals = [
        match
        for match in pool
        if match is not best
        and match.num_named * _RIVAL_SHARE > best.num_named
        and not _agree(match, best)
    ]
    if rivals:
        shown = " and ".join(match.figures(table) for match in (best, *rivals)[:3])
        raise ConfigError(
            f"{table.name}: several columns name images, and not the same ones: {shown}; say "
            f"--path-column {table.title(best.column).replace('number ', '')} or the other"
        )
    return best


def _is_one_to_one(match: Match) -> bool:
    """Whether rows name different images, mostly; a class's name may be that of one image."""
    least = 0.1 if match.is_sure else 0.4
    return match.num_files + match.num_shared > least * (match.num_named + match.num_shared)


def _agree(a: Match, b: Match) -> bool:
    """Whether two columns mean the same image in each row, and no image in different rows."""
    rows: dict[str, set[int]] = {}
    both = 0
    for number, (x, y) in enumerate(zip(a.paths, b.paths, strict=True)):
        if x and y and x != y:
            return False
        both += bool(x and y)
        for path in {x, y} - {None}:
            rows.setdefault(str(path), set()).add(number)
    named = {path for path in a.paths if path} & {path for path in b.paths if path}
    once = all(len(rows[path]) == 1 for path in named) or a.num_files < a.num_named
    return both > 0 and once
