"""A list file as a table: its encoding, its separator, its comments, its rows and heading."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.spaced_lines import CUTS, cells_of, mend_heading, occurs
from headrace.pipeline.layouts.lists.ways import FitOf, refuse_other_ways, way_of
from headrace.pipeline.layouts.text_files import read_text
from headrace.pipeline.plain_json import read_json

SEPARATORS = {
    "comma": ",",
    "tab": "\t",
    "semicolon": ";",
    "bar": "|",
}
_SAMPLE_ROWS = 300


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a list file holds.

    Attributes:
        name: of the file, relative to the scanned folder, for messages.
        folder: that it lies in, relative to the scanned folder, with a slash at its end.
        encoding, separator: as they were found, in words.
        heading: of the columns, as it stands; None without one.
        rows: cells, each row as long as the widest.
        comments: lines that are none of the table.
    """

    name: str
    folder: str
    encoding: str
    separator: str
    heading: tuple[str, ...] | None
    rows: list[list[str]]
    comments: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0

    def title(self, column: int) -> str:
        """A column as a message calls it."""
        if self.heading and column < len(self.heading) and self.heading[column].strip():
            return self.heading[column].strip()
        return f"number {column}"

    def cells(self, column: int) -> list[str]:
        return [row[column] for row in self.rows]


def read_table(
    path: Path, name: str, folder: str, fit: FitOf, encoding: str | None = None
) -> Table:
    """Reads a list file with the separator under which it names most images.

    Args:
        path: the file.
        name, folder: see Table.
        fit: of a sample of rows.
        encoding: of a file that is not in UTF-8 or UTF-16.

    Raises:
        ConfigError: it is no text, or cannot be read, or another separator fits as well and says
            something else.
    """
    text, encoding = read_text(path, encoding)
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        heading, rows = _json_lines(path, text)
        return Table(
            name=name, folder=folder, encoding=encoding, separator="JSON lines",
            heading=heading, rows=rows,
        )  # fmt: skip
    lines, comments = _without_comments(text)
    sample = lines[:: max(1, len(lines) // _SAMPLE_ROWS)]
    marks = [mark for mark in (*SEPARATORS, *CUTS) if _occurs(sample, mark)]
    ways = [way_of(mark, list(_rows(sample, mark)), fit) for mark in marks]
    best = max(ways, key=lambda way: way.rank, default=None)
    if best is not None:
        refuse_other_ways(name, best, ways)
    separator = best.separator if best else "lines"
    if rows_too := _rows_like_comments(comments, separator, fit):
        comments = tuple(line for line in comments if line not in rows_too)
        left_out = set(comments)
        lines = [line for line in _filled(text) if line not in left_out]
    rows = list(_rows(lines, separator))
    _ask_hashed_labels(name, comments, separator, rows, fit)
    if separator == "spaces" and rows and not fit(rows[:1]).share:
        mend_heading(rows)
    width = max((len(row) for row in rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    return Table(
        name=name, folder=folder, encoding=encoding, separator=separator, heading=None, rows=rows,
        comments=comments,
    )  # fmt: skip


def _rows_like_comments(comments: Sequence[str], separator: str, fit: FitOf) -> set[str]:
    """Lines that begin with the name of an image that begins with #."""
    found = set()
    for line in comments:
        for row in _rows([line.replace("\\", "/")], separator):
            named = fit([row[:1]])
            parts = (named.images[0] or "").split("/")
            if named.share and ("/" not in row[0] or any(part.startswith("#") for part in parts)):
                found.add(line)
    return found


def _ask_hashed_labels(
    name: str, comments: Sequence[str], separator: str, rows: Sequence[list[str]], fit: FitOf
) -> None:
    """Asks about comments that are rows but for a first cell such as `#a`.

    A row that was taken away by a mark before it begins with what another row does, or names an
    image that another row names.

    Raises:
        ConfigError: there is such a line.
    """
    known = {row[0] for row in rows}
    images: set[str | None] | None = None
    for line in comments:
        row = next(_rows([line], separator), [""])
        image = fit([row]).images[0]
        is_label = re.match("#+[^#\\s]", row[0]) and row[0].lstrip("#") not in known
        if not is_label or not image or fit([row[:1]]).share:
            continue
        if images is None:
            images = set(fit(rows).images)
        if image not in images:
            raise ConfigError(
                f"{name}: is {line.strip()[:80]!r} a row, whose label begins with #, or a comment? "
                f"put quotes around {row[0]!r} if it is a row, a space behind its # if it is none"
            )


def _filled(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _without_comments(text: str) -> tuple[list[str], tuple[str, ...]]:
    """Lines that hold something, and those that begin with #, unless most do."""
    lines = _filled(text)
    comments = [line for line in lines if line.lstrip().startswith("#")]
    if 2 * len(comments) > len(lines):
        return lines, ()
    return [line for line in lines if not line.lstrip().startswith("#")], tuple(comments)


def _occurs(sample: Sequence[str], separator: str) -> bool:
    mark = SEPARATORS.get(separator)
    count = sum(mark in line if mark else occurs(line, separator) for line in sample)
    return 2 * count > len(sample) or separator == "lines"


def _rows(lines: Sequence[str], separator: str) -> Iterator[list[str]]:
    mark = SEPARATORS.get(separator)
    if mark is None:
        yield from (cells_of(line, separator) for line in lines)
        return
    try:
        rows = list(
            csv.reader(io.StringIO("\n".join(lines)), delimiter=mark, skipinitialspace=True)
        )
    except csv.Error:
        rows = []
    # A quote that nothing closes swallows what follows it, be it lines that are rows by themselves.
    most = max((cell.count("\n") for row in rows for cell in row), default=0)
    regular = len({line.count(mark) for line in lines}) == 1
    if not rows or most > 20 or (most and regular):
        rows = [_row(line, mark) for line in lines]
    for row in rows:
        if any(cell.strip() for cell in row):
            yield [cell.strip() for cell in row]


def _row(line: str, mark: str) -> list[str]:
    """The cells of a line by itself, in which a quote that nothing closes is a mark like others."""
    try:
        return next(csv.reader([line], delimiter=mark, skipinitialspace=True, strict=True))
    except csv.Error:
        return line.split(mark)


def _json_lines(path: Path, text: str) -> tuple[tuple[str, ...], list[list[str]]]:
    entries = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            entry = read_json(line)
        except ValueError as error:
            raise ConfigError(f"{path} has a line that is no JSON: {error}") from error
        if not isinstance(entry, dict):
            raise ConfigError(f"{path} has a line that is no JSON object: {line[:60]!r}")
        entries.append(entry)
    heading = tuple(dict.fromkeys(str(key) for entry in entries for key in entry))
    rows = [[_json_cell(entry.get(key)) for key in heading] for entry in entries]
    return heading, rows


def _json_cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
