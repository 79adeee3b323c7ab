"""A list file as a table: its encoding, its separator, its comments, its rows and heading."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.pipeline.archives import archive_at
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.plain_json import read_json

SEPARATORS = {
    "comma": ",",
    "tab": "\t",
    "semicolon": ";",
    "bar": "|",
}
_BY_SPACE = ("spaces", "last space", "first space", "lines")
_SAMPLE_ROWS = 300
# Within quotes a space separates nothing; an apostrophe or inch mark inside a word is none.
_QUOTED = re.compile(r"""(?:"(?:[^"]|"")*"|'(?:[^']|'')*')(?!\S)""")
_WORD = re.compile(rf"(?<!\S)(?:{_QUOTED.pattern}|\S+)")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


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


def read_text(path: Path) -> tuple[str, str]:
    """A text file and the encoding that it is in: by its BOM, UTF-8, UTF-16, else cp1252.

    Raises:
        ConfigError: it cannot be read, or is no text.
    """
    archive = archive_at(path)
    if archive is not None and not archive.is_broken:
        raise ConfigError(f"{path} is {archive.advice}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    for bom, encoding, title in _BOMS:
        if data.startswith(bom):
            return _decoded(path, data, encoding), title
    head = data[:4096]
    if b"\0" in head:
        even, odd = head[::2].count(0), head[1::2].count(0)
        half = len(head) / 2
        if max(even, odd) < 0.4 * half or min(even, odd) > 0.1 * half:
            raise ConfigError(f"{path} is no text")
        return _decoded(path, data, "utf-16-be" if even > odd else "utf-16-le"), "UTF-16"
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "Latin-1"


def _decoded(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} begins as {encoding} and is not: {error}") from error


def read_table(
    path: Path, name: str, folder: str, fit: Callable[[Sequence[Sequence[str]]], float]
) -> Table:
    """Reads a list file with the separator under which it names most images.

    Args:
        path: the file.
        name, folder: see Table.
        fit: of a sample of rows, how well their best column names images, 0 to 1.

    Raises:
        ConfigError: it is no text, or cannot be read.
    """
    text, encoding = read_text(path)
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        heading, rows = _json_lines(path, text)
        return Table(
            name=name, folder=folder, encoding=encoding, separator="JSON lines",
            heading=heading, rows=rows,
        )  # fmt: skip
    lines, comments = _without_comments(text)
    sample = lines[:: max(1, len(lines) // _SAMPLE_ROWS)]
    best: tuple[float, bool, str] | None = None
    for separator in (*SEPARATORS, *_BY_SPACE):
        if not _occurs(sample, separator):
            continue
        rows = list(_rows(sample, separator))
        widths = {len(row) for row in rows}
        if len(widths) > 1 and not fit(rows[:1]):
            # A heading: with a space in a title, or without one for the rows' numbers.
            widths = {len(row) for row in rows[1:]}
        regular = len(widths) == 1
        rank = (round(fit(rows), 3), regular, separator)
        if best is None or rank[:2] > best[:2]:
            best = rank
    separator = best[2] if best else "lines"
    rows = list(_rows(lines, separator))
    if separator == "spaces" and rows and not fit(rows[:1]):
        _mend_heading(rows)
    width = max((len(row) for row in rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    return Table(
        name=name, folder=folder, encoding=encoding, separator=separator, heading=None, rows=rows,
        comments=comments,
    )  # fmt: skip


def _mend_heading(rows: list[list[str]]) -> None:
    """Puts a heading right that has fewer or more words than there are columns.

    R's write.table leaves out the title of the rows' numbers. Where a title holds a space, or is
    empty, nobody can tell which title is which column's, and the heading is taken away.
    """
    if len(rows) < 3 or len({len(row) for row in rows[1:]}) > 1 or len(rows[0]) == len(rows[1]):
        return
    numbers = [row[0] for row in rows[1:]]
    counted = numbers in ([str(i + start) for i in range(len(numbers))] for start in (0, 1))
    if counted and len(rows[0]) == len(rows[1]) - 1:
        rows[0].insert(0, "")
    else:
        del rows[0]


def _without_comments(text: str) -> tuple[list[str], tuple[str, ...]]:
    """Lines that hold something, and those that begin with #, unless most do."""
    lines = [line for line in text.split("\n") if line.strip()]
    comments = [line for line in lines if line.lstrip().startswith("#")]
    if 2 * len(comments) > len(lines):
        return lines, ()
    return [line for line in lines if not line.lstrip().startswith("#")], tuple(comments)


def _occurs(sample: Sequence[str], separator: str) -> bool:
    if separator == "lines":
        return True
    mark = SEPARATORS.get(separator)
    count = sum(mark in line if mark else len(line.split(None, 1)) > 1 for line in sample)
    return 2 * count > len(sample)


def _rows(lines: Sequence[str], separator: str) -> Iterator[list[str]]:
    mark = SEPARATORS.get(separator)
    if mark is None:
        yield from (_by_space(line, separator) for line in lines)
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


def _by_space(line: str, separator: str) -> list[str]:
    if separator != "lines":
        line = _unquoted(line.strip())  # the whole of it may stand in quotes
    words = list(_WORD.finditer(line))
    if separator == "spaces":
        cells = [word[0] for word in words]
    elif len(words) < 2 or separator == "lines":
        cells = [line]
    else:
        cut = words[-1].start() if separator == "last space" else words[0].end()
        cells = [line[:cut], line[cut:]]
    return [_unquoted(cell.strip()) for cell in cells]


def _unquoted(cell: str) -> str:
    """A cell without the quotes that it begins and ends with, of which two inside stand for one."""
    if not _QUOTED.fullmatch(cell):
        return cell
    mark = cell[0]
    return cell[1:-1].replace(2 * mark, mark).strip()


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
