"""Headings of lists: whether the first row is one, and which words speak of labels and splits.

A heading only helps where the cells leave a choice; it never decides against them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.tables import SEPARATORS, Table

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# First those that can hardly mean anything else, then those of which a list may have several.
_LABELS = frozenset(
    "label labels class classes target targets category categories subcategory subclass superclass "
    "supercategory".split()
)
_KINDS = frozenset(
    "breed species dx diagnosis variety genus disease emotion artist style expression finding "
    "findings".split()
)
_BESIDE = frozenset(
    "id ids name names title index idx number no nr num code str string text image y the of "
    "ground truth sub super fine coarse master main".split()
)
_SPLITS = frozenset("split splits subset partition phase fold folds kfold usage".split())
_OTHERS = frozenset(
    "id image images img file filename filenames filepath filepaths path paths name names width "
    "height source caption description area url uri index x y xmin ymin xmax ymax sample samples "
    "set size age sex gender text prompt prompts captions comment comments note notes urls date "
    "time year latitude longitude lat lon weight price score".split()
)
_EXTENSIONS = frozenset("jpg jpeg png bmp gif tif tiff webp ppm pgm avif heic jp2".split())


class NoSuchColumn(ConfigError):
    """A list has no column of the name that the user gave."""


def words_of(heading: str) -> list[str]:
    """The words of a heading in lower case: `Class-Id`, `classId` and `class_id` alike."""
    return [word.lower() for word in _WORD.findall(heading)]


def label_rank(heading: str) -> int:
    """How plainly a heading speaks of a label: 2, 1, or 0 for not at all."""
    words = words_of(heading)
    rest = [word for word in words if word not in _BESIDE]
    if not rest:
        return 2 if words == ["y"] else 0
    if all(word in _LABELS for word in rest):
        return 2
    return 1 if all(word in _KINDS or word in _LABELS for word in rest) else 0


def is_label_heading(table: Table, column: int) -> bool:
    """Whether a column is called a label beyond doubt."""
    return bool(table.heading) and label_rank(table.title(column)) == 2


def speaks_of_labels(table: Table, column: int) -> bool:
    """Whether a word for labels is in a column's heading, whatever else is."""
    return bool(table.heading) and not _LABELS.isdisjoint(words_of(table.title(column)))


def is_other_heading(table: Table, column: int) -> bool:
    """Whether a column is called something that is no label: width, source, age."""
    words = words_of(table.title(column)) if table.heading else []
    return bool(words) and all(word in _OTHERS or word.isdecimal() for word in words)


def is_split_heading(heading: str) -> bool:
    """Whether a heading speaks of splits or folds."""
    words = words_of(heading)
    return any(word in _SPLITS for word in words) or words in (
        ["set"],
        ["data", "set"],
        ["dataset"],
    )


def column_number(table: Table, wanted: str) -> int | None:
    """A column by its heading, whatever its case, or by its number; None where there is none."""
    titles = [title.strip() for title in table.heading or ()]
    if wanted in titles:
        return titles.index(wanted)
    folded = [title.casefold() for title in titles]
    if wanted.casefold() in folded:
        return folded.index(wanted.casefold())
    if wanted.isdecimal() and len(wanted) < 10 and int(wanted) < table.width:
        return int(wanted)
    return None


def need_column(table: Table, wanted: str, what: str) -> int:
    """Like `column_number`.

    Raises:
        NoSuchColumn: there is none.
    """
    column = column_number(table, wanted)
    if column is None:
        titles = ", ".join(table.heading) if table.heading else f"0 to {table.width - 1}"
        raise NoSuchColumn(f"{table.name} has no {what} column {wanted!r}; it has {titles}")
    return column


def with_heading(table: Table, path_column: int, first_is_named: bool) -> Table:
    """The table with its heading apart, if its first row or a comment above it is one.

    Args:
        table: not told apart yet.
        path_column: one whose entries name images.
        first_is_named: whether the entry of the first row names one.
    """
    if not first_is_named and len(table.rows) > 1:
        first = table.rows[0]
        if _is_heading(first, table.rows[1:], path_column):
            return replace(table, heading=tuple(first), rows=table.rows[1:])
    if table.comments:
        line = table.comments[-1].lstrip("# \t")
        titles = [title.strip() for title in line.split(SEPARATORS.get(table.separator))]
        if len(titles) == table.width and not any(map(looks_like_file, titles)):
            return replace(table, heading=tuple(titles))
    return table


def _is_heading(first: Sequence[str], rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether a first row that names no image is a heading, or a row whose image is missing."""
    if looks_like_file(first[column]):
        return False
    if any(map(_is_title, first)):
        return True
    if "." in rows[0][column] and "." not in first[column]:
        return True
    if any(_is_wordy(cell) and all(not _is_wordy(row[i]) for row in rows[:50])
           for i, cell in enumerate(first)):  # fmt: skip
        return True
    seen = {row[i] for row in rows[:1000] for i in range(len(first)) if i != column}
    alike = _shape(first[column]) in {_shape(row[column]) for row in rows[:1000]}
    return not alike and not any(cell in seen for cell in first)


def is_all_titles(row: Sequence[str]) -> bool:
    """Whether a row of several cells holds nothing but words for columns, a label's among them."""
    return len(row) > 1 and all(map(_is_title, row)) and any(map(label_rank, row))


def _is_title(cell: str) -> bool:
    words = words_of(cell)
    named = bool(words) and all(word in _OTHERS for word in words)
    return bool(label_rank(cell)) or is_split_heading(cell) or named


def looks_like_file(cell: str) -> bool:
    """Whether a cell is the name of an image file."""
    stem, dot, extension = cell.rpartition(".")
    return bool(stem and dot) and extension.lower() in _EXTENSIONS


def _is_wordy(cell: str) -> bool:
    return any(character.isalpha() for character in cell)


def _shape(text: str) -> str:
    return re.sub(r"[A-Za-z]+", "a", re.sub(r"[0-9]+", "9", text))
