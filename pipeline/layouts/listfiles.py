"""List files: `path, label [, label ...]` per line, as text or CSV, with or without heading."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from headrace.pipeline.containers.manifest import DEFAULT_SPLIT, Skipped
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.listing import Found, split_of
from headrace.pipeline.layouts.scanning import Scan

_SUFFIXES = (".txt", ".csv", ".tsv", ".lst")
_PATH_HEADINGS = {"path", "file", "filename", "file_name", "image", "image_id", "id", "img", "name"}
_LABEL_HEADINGS = ("label", "class", "category", "target", "breed", "species")
_NOT_LISTS = ("classes", "license", "readme", "requirements")


class _Finder:
    """Finds the image that a list's entry means: with or without extension or folder."""

    def __init__(self, images: list[str]) -> None:
        self._exact = set(images)
        self._by_key: dict[str, str | None] = {}
        for path in images:
            stem = path.rpartition(".")[0]
            name = path.rpartition("/")[2]
            for key in {stem, name, name.rpartition(".")[0]}:
                # None marks a key that several images share: it names none of them.
                self._by_key[key] = None if key in self._by_key else path

    def find(self, entry: str, split: str | None) -> str | None:
        entry = entry.strip().replace("\\", "/").removeprefix("./").lstrip("/")
        candidates = [entry] if split is None else [entry, f"{split}/{entry}"]
        for candidate in candidates:
            if candidate in self._exact:
                return candidate
        for candidate in reversed(candidates):
            if found := self._by_key.get(candidate):
                return found
        return None


@dataclass(frozen=True, kw_only=True)
class _Table:
    path: Path
    heading: list[str] | None
    rows: list[list[str]]
    path_column: int


def find_lists(scan: Scan) -> list[Path]:
    """The list files right below the scanned folder: those named like a split, else the only one
    that names images."""
    files = sorted(
        f
        for f in scan.root.iterdir()
        if f.suffix.lower() in _SUFFIXES
        and f.is_file()
        and not f.name.startswith(".")
        and not f.stem.lower().startswith(_NOT_LISTS)
    )
    finder = _Finder(scan.images)
    fitting = [f for f in files if _names_images(f, finder, split_of(f.stem))]
    named = [f for f in fitting if split_of(f.stem)]
    if named or len(fitting) <= 1:
        return named or fitting
    raise ConfigError(
        f"{fitting[0].name} and {fitting[1].name} both list images of {scan.root}; "
        "give the one you mean as the source"
    )


def read_lists(
    scan: Scan, lists: list[Path], label_column: str | int | None
) -> tuple[list[Found], list[Skipped], tuple[Skipped, ...]]:
    """Samples by what the lists say.

    Images of split folders that no list mentions (a test set without labels) follow without
    label.

    Returns:
        samples, ignored images (one line each), listed files that are not there.
    """
    finder = _Finder(scan.images)
    found: dict[str, Found] = {}
    missing: list[Skipped] = []
    for file in lists:
        split = split_of(file.stem)
        table = _read_table(file, finder, split)
        column = _label_column(table, label_column)
        for row in table.rows:
            entry = row[table.path_column]
            path = finder.find(entry, split)
            if path is None:
                missing.append(Skipped(name=entry, reason=f"listed in {file.name}, not there"))
                continue
            label = _label(row[column]) if column is not None and column < len(row) else None
            here = split or split_of(path.partition("/")[0]) or DEFAULT_SPLIT
            if path in found and found[path].label != label:
                raise ConfigError(f"{file.name} lists {path} again with another label ({label})")
            found.setdefault(path, Found(path=path, split=here, label=label))
    samples = _one_kind(found)
    listed_splits = {f.split for f in samples}
    ignored = []
    for path in scan.images:
        if path in found:
            continue
        split = split_of(path.partition("/")[0])
        if split is not None and split not in listed_splits:
            samples.append(Found(path=path, split=split, label=None))
        else:
            ignored.append(Skipped(name=path, reason="in no list"))
    return samples, ignored, tuple(missing)


def _read_table(file: Path, finder: _Finder, split: str | None) -> _Table:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in stream.read().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text: {error}") from error
    first = lines[0] if lines else ""
    separator = next((s for s in ",;\t" if s in first), None)
    if separator is None:
        rows = [line.rsplit(maxsplit=1) for line in lines]
    else:
        rows = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    heading = None
    if rows and finder.find(rows[0][0], split) is None and _looks_like_heading(rows):
        heading = [cell.strip().lower() for cell in rows.pop(0)]
    column = next((i for i, h in enumerate(heading or []) if h in _PATH_HEADINGS), 0)
    short = [row for row in rows if len(row) <= column]
    if short:
        raise ConfigError(f"{file}: the line {','.join(short[0])!r} has no column {column}")
    return _Table(path=file, heading=heading, rows=rows, path_column=column)


def _looks_like_heading(rows: list[list[str]]) -> bool:
    first = [cell.strip().lower() for cell in rows[0]]
    if any(cell in _PATH_HEADINGS for cell in first):
        return True
    # A wordy first line above numbers.
    return len(first) > 1 and len(rows) > 1 and not _is_number(first[1]) and _is_number(rows[1][-1])


def _names_images(file: Path, finder: _Finder, split: str | None) -> bool:
    try:
        table = _read_table(file, finder, split)
    except ConfigError:
        return False
    head = table.rows[:50]
    hits = sum(finder.find(row[table.path_column], split) is not None for row in head)
    return hits > 0 and 2 * hits >= len(head)


def _label_column(table: _Table, wanted: str | int | None) -> int | None:
    width = max((len(row) for row in table.rows), default=0)
    heading = table.heading or []
    if wanted is None:
        for name in _LABEL_HEADINGS:
            if name in heading:
                return heading.index(name)
        return next((i for i in range(width) if i != table.path_column), None)
    if isinstance(wanted, str) and wanted.lower() in heading:
        return heading.index(wanted.lower())
    if _is_number(str(wanted)) and 0 <= int(wanted) < width and int(wanted) != table.path_column:
        return int(wanted)
    columns = ", ".join(heading) if heading else f"0 to {width - 1}, of which 0 is the path"
    raise ConfigError(f"{table.path.name} has no label column {wanted!r}; it has {columns}")


def _label(cell: str) -> str | int | None:
    text = cell.strip()
    if not text:
        return None
    return int(text) if _is_number(text) else text


def _one_kind(found: dict[str, Found]) -> list[Found]:
    """Numbers among class names are class names too (a class called 7up and one called 7)."""
    samples = list(found.values())
    if not any(isinstance(f.label, str) for f in samples):
        return samples
    return [
        Found(path=f.path, split=f.split, label=str(f.label))
        if isinstance(f.label, int) and f.label >= 0
        else f
        for f in samples
    ]


def _is_number(text: str) -> bool:
    return text.strip().removeprefix("-").isdecimal()
