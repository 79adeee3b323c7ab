"""What the entries of a list's column mean: which images, in which folder, and how surely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.evidence import as_integer, is_integer
from headrace.pipeline.layouts.lists.finding import (
    ELSEWHERE,
    FORMS,
    NOWHERE,
    PATH,
    TAIL,
    Finder,
    Place,
    normal,
)
from headrace.pipeline.layouts.lists.tables import Table


@dataclass(frozen=True, kw_only=True)
class Match:
    """What a column's entries mean.

    Attributes:
        column: its number.
        folder_column: another one, which holds the folder of each entry.
        paths: an image for each row, or None.
        form: how most entries name theirs, one of FORMS.
        shared_rows: those whose entries may mean several images.
        scope: the folder in which they were looked for, "" for all.
        question: what is left open, if this is the column.
        is_sure: whether what it names can hardly be chance: numbers from 1 to N name files as
            easily as they count rows.
    """

    column: int
    folder_column: int | None = None
    paths: list[str | None]
    form: str
    shared_rows: frozenset[int]
    scope: str
    is_sure: bool
    question: ConfigError | None = None

    @property
    def num_shared(self) -> int:
        return len(self.shared_rows)

    @cached_property
    def num_named(self) -> int:
        return sum(path is not None for path in self.paths)

    @cached_property
    def num_files(self) -> int:
        return len(set(self.paths) - {None})

    def figures(self, table: Table) -> str:
        """For a message."""
        place = f" in {self.scope.rstrip('/')}" if self.scope else ""
        shared = f", {self.num_shared} name several" if self.num_shared else ""
        return (
            f"{table.title(self.column)} (names {self.num_files} files{place} in {self.num_named} "
            f"of {len(self.paths)} rows, by {self.form}{shared})"
        )


class SharedNamesError(ConfigError):
    """A list names images by names that several folders have."""


def match_column(
    table: Table, column: int, finder: Finder, scopes: Sequence[str], only: str | None
) -> Match:
    """What a column's entries mean, looked for everywhere, else in the folder that fits.

    Args:
        table: with its heading still among the rows, unless it is known.
        column: its number.
        finder: of the scanned images.
        scopes: folders to look in, where names are shared by several, best first.
        only: the folder to look in, as the user says; None: nothing is said.
    """
    cells = table.cells(column)
    places = _as_most([finder.find(cell, table.folder) for cell in cells])
    if only is not None:
        return _made(column, cells, _within(places, only), only)
    everywhere = _made(column, cells, places, "")
    reached = everywhere.num_named + everywhere.num_shared
    if everywhere.num_shared:
        inside = [_made(column, cells, _within(places, scope), scope) for scope in scopes]
        inside = [there for there in inside if not there.num_shared]
        # A class's name beside each entry may be that of a folder of another split, too.
        if whole := next((there for there in inside if there.num_named == reached), None):
            return whole
        if beside := _with_folder_column(table, column, finder, reached):
            return beside
        if most := next((there for there in inside if 2 * there.num_named >= reached), None):
            return most
        return _only_folder(table, column, finder, places, everywhere) or everywhere
    for scope in scopes:
        # A file of that number in the folder of another split is another image.
        there = _made(column, cells, _within(places, scope), scope)
        some = 2 * there.num_named >= reached > there.num_named
        if some and not everywhere.is_sure:
            if scope == table.folder:
                return there
            others = sorted(set(everywhere.paths) - set(there.paths) - {None}, key=str)
            question = ConfigError(
                f"{table.name}: {everywhere.figures(table)}, {there.num_named} of them in "
                f"{scope.rstrip('/')} and others, such as {others[0]}, elsewhere; say "
                f"--list-folder {scope.rstrip('/')} if it is about that folder, --list-folder . "
                "if about all"
            )
            return replace(everywhere, question=question)
    return everywhere


def _as_most(places: list[Place]) -> list[Place]:
    """Without images in other folders than their entries say, where most entries are paths: what
    lies in a folder that is missing is missing."""
    paths = sum(place.form in (PATH, TAIL) for place in places)
    if 2 * paths < sum(bool(place.paths) for place in places):
        return places
    return [NOWHERE if place.form == ELSEWHERE else place for place in places]


def _within(places: Sequence[Place], scope: str) -> list[Place]:
    """What entries mean in one folder."""
    return [
        Place(tuple(path for path in place.paths if path.startswith(scope)), place.form)
        for place in places
    ]


def _made(column: int, cells: Sequence[str], places: Sequence[Place], scope: str) -> Match:
    paths = [place.paths[0] if len(place.paths) == 1 else None for place in places]
    forms = Counter(place.form for place in places if place.paths)
    form = max(FORMS, key=lambda form: forms[form])
    named = [_mark(c, p.form) for c, p in zip(cells, places, strict=True) if p.paths]
    return Match(
        column=column,
        paths=paths,
        form=form,
        shared_rows=frozenset(i for i, place in enumerate(places) if len(place.paths) > 1),
        scope=scope,
        is_sure=not _may_count(named),
    )


def _mark(cell: str, form: str) -> str:
    """What of an entry tells that it names an image: its name, where its folders are others."""
    if form != ELSEWHERE:
        return cell
    return normal(cell).rpartition("/")[2].rpartition(".")[0] or cell


def _may_count(cells: Sequence[str]) -> bool:
    """Whether entries are numbers as dense as those of rows or classes."""
    if not all(is_integer(cell) for cell in cells):
        return False
    numbers = {as_integer(cell) for cell in cells}
    return not numbers or max(numbers) - min(numbers) < 4 * len(numbers) + 16


def _with_folder_column(table: Table, column: int, finder: Finder, reached: int) -> Match | None:
    """The entries below the folders that another column names."""
    fits = []
    for other in range(table.width):
        folders = table.cells(other)
        known = {cell for cell in folders if cell.strip("/").rpartition("/")[2] in finder.folders}
        if other == column or len(set(folders) - known) > 1:  # one may be the heading
            continue
        cells = [f"{a}/{b}" for a, b in zip(folders, table.cells(column), strict=True)]
        match = _made(column, cells, [finder.find(cell, table.folder) for cell in cells], "")
        if not match.num_shared and match.num_named >= 0.5 * reached:
            fits.append(replace(match, folder_column=other, is_sure=True))
    return max(fits, key=lambda match: match.num_named, default=None)


def _only_folder(
    table: Table, column: int, finder: Finder, places: Sequence[Place], everywhere: Match
) -> Match | None:
    """The one folder whose images are just those that the entries name."""
    cells = table.cells(column)
    counts = _images_below(finder.images)
    fits = []
    for scope, count in counts.items():
        there = _made(column, cells, _within(places, scope), scope)
        if there.num_shared:
            return None
        whole = there.num_named >= everywhere.num_named + everywhere.num_shared
        fits.append((whole, whole and there.num_files == count, there))
    fits = [fit for fit in fits if 10 * fit[2].num_named > everywhere.num_shared]
    if not all(whole for whole, _, _ in fits):
        return None  # images may be missing from the folder that is meant
    exact = [match for _, is_exact, match in fits if is_exact]
    if len(fits) == 1:
        return fits[0][2]
    return exact[0] if len(exact) == 1 else None


def _images_below(images: Iterable[str]) -> Counter[str]:
    """Images below each folder at the top, or at the first level with several."""
    prefix = ""
    images = list(images)
    while True:
        counts = Counter(
            prefix + path[len(prefix) :].partition("/")[0] + "/"
            for path in images
            if "/" in path[len(prefix) :]
        )
        if len(counts) != 1 or sum(counts.values()) < len(images):
            return counts
        prefix = next(iter(counts))


def ask_folder(table: Table, best: Match, finder: Finder) -> None:
    """Asks in which folder entries lie that may be in several.

    Raises:
        SharedNamesError: they name so many images of one folder that they must be about images.
        ConfigError: they are numbers that may be about something else.
    """
    cells = table.cells(best.column)
    places = [finder.find(cell, table.folder).paths for cell in cells]
    shared = next(paths for paths in places if len(paths) > 1)
    entry = cells[[len(paths) > 1 for paths in places].index(True)]
    reached = sum(bool(paths) for paths in places)
    hits = _images_below({path for paths in places for path in paths})
    sizes = _images_below(finder.images)
    covered = any(2 * hits[folder] >= size for folder, size in sizes.items())
    kind = ConfigError
    if 2 * reached >= len(cells) and (covered or best.is_sure):
        kind = SharedNamesError
    folder = shared[0].rpartition("/")[0]
    mend = f"say in which folder the list's files lie, as --list-folder {folder or '.'}"
    if shared[1].rpartition("/")[0] == folder:
        mend = "write it in the list as the file is called"
    raise kind(
        f"{table.name}: {entry} may be {shared[0]} or {shared[1]}, and {best.num_shared} of "
        f"{len(cells)} rows are such; {mend}, or --layout classes if the list is not about images"
    )
