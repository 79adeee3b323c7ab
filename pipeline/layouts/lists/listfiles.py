"""Finds list files and reads each: the images that its rows name, and the splits they are in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.listing import natural_key
from headrace.pipeline.layouts.lists.finding import Finder
from headrace.pipeline.layouts.lists.headings import (
    is_label_heading,
    looks_like_file,
    need_column,
    with_heading,
)
from headrace.pipeline.layouts.lists.loose_words import ask_loose_words, ask_split_words
from headrace.pipeline.layouts.lists.path_column import PathChoice, choose_paths, fit_of_rows
from headrace.pipeline.layouts.lists.split_column import SplitChoice, choose_splits
from headrace.pipeline.layouts.lists.tables import Table, read_table
from headrace.pipeline.layouts.split_words import list_split, split_folders
from headrace.pipeline.wording import counted

SUFFIXES = (".txt", ".csv", ".tsv", ".lst", ".jsonl", ".ndjson")
_UNREAD = (".mat", ".json", ".xlsx", ".xls", ".parquet", ".pkl", ".pickle", ".npy", ".npz")
_NO_LISTS = ("license", "licence", "readme", "requirements", "citation", "changelog")
NAMES_OF_CLASSES = (
    "by its name it says what classes are called; --list takes it for a list of images"
)
"""Why a file is not looked at as a list, though it may name the classes."""
_DEPTH = 3
_MANY_FILES = 50


@dataclass(frozen=True, kw_only=True)
class ListReading:
    """A list that names images.

    Attributes:
        table: without its heading row.
        paths: the image of each row, None where it is not there.
        shared_rows: rows that may mean several images.
        path_column: that holds the paths.
        folder_column: that holds the folder of each, if one does; it may be the label too.
        key_columns: by which other lists were joined, each adding a column at the end.
        splits: its column of splits, if it has one.
        named_split: the split that its name stands for.
        is_good: whether it names enough images to be believed without being asked for.
        line: what was taken, with its figures.
        passed_over: other columns that name images, and why they were not taken.
    """

    table: Table
    paths: list[str | None]
    shared_rows: frozenset[int]
    path_column: int
    folder_column: int | None
    splits: SplitChoice | None
    named_split: str | None
    is_good: bool
    line: str
    passed_over: tuple[Skipped, ...]
    key_columns: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.table.name

    def entry(self, number: int) -> str:
        """What a row names, by its number from 0."""
        cells = self.table.rows[number]
        folder = "" if self.folder_column is None else cells[self.folder_column] + "/"
        return folder + cells[self.path_column]


def find_list_files(root: Path) -> tuple[list[Path], list[Skipped]]:
    """List files down to a few levels, in natural order, and files that might be lists and are not
    read."""
    files: list[str] = []
    skipped: list[Skipped] = []
    folders = [(str(root), "", 1)]
    while folders:
        folder, prefix, depth = folders.pop()
        here = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith(".") or name in ("__MACOSX", "lost+found"):
                        continue
                    _, dot, extension = name.rpartition(".")
                    suffix = dot + extension.lower()
                    if suffix in SUFFIXES and name.lower().startswith("classes"):
                        skipped.append(Skipped(name=prefix + name, reason=NAMES_OF_CLASSES))
                    elif suffix in SUFFIXES:
                        if not name.lower().startswith(_NO_LISTS) and entry.is_file():
                            here.append(prefix + name)
                    elif suffix in _UNREAD:
                        reason = f"{suffix} files are not read: make a CSV of it"
                        skipped.append(Skipped(name=prefix + name, reason=reason))
                    elif depth < _DEPTH and entry.is_dir():
                        folders.append((entry.path, f"{prefix}{name}/", depth + 1))
        except OSError:
            continue  # the scan lists what cannot be read
        if len(here) > _MANY_FILES:
            reason = f"{len(here)} text files in one folder: one for each image, no lists"
            skipped.append(Skipped(name=prefix or ".", reason=reason))
        else:
            files += here
    files.sort(key=lambda name: (name.count("/"), natural_key(name)))
    return [root / name for name in files], skipped[:_MANY_FILES]


def read_list(
    path: Path, root: Path, finder: Finder, top_folders: Sequence[str], config: LayoutConfig
) -> ListReading | None:
    """What a list names, or None if it names no image.

    Args:
        path: the list.
        root: the scanned folder.
        finder: of its images.
        top_folders: those right below it, or below lone wrapping ones, with a slash at the end.
        config: with the columns that the user gave.

    Raises:
        ConfigError: it cannot be read, or leaves open what it means.
    """
    inside = path.is_relative_to(root)
    name = path.relative_to(root).as_posix() if inside else str(path)
    folder = name.rpartition("/")[0] + "/" if inside and "/" in name else ""
    table = read_table(
        path, name, folder, lambda rows: fit_of_rows(finder, folder, rows), config.encoding
    )
    wanted = None
    if config.path_column is not None:
        table = table if table.heading else with_heading(table, 0, False)
        wanted = need_column(table, config.path_column, "path")
    named_split = list_split(path.stem)
    only = None
    if config.list_folder is not None:
        only = config.list_folder.removeprefix(".").strip("/") + "/"
        only = "" if only == "/" else only
    choice = choose_paths(table, finder, _scopes(folder, named_split, top_folders), wanted, only)
    if choice is None or not choice.match.num_named:
        if choice is None:
            _ask_nameless(table, len(finder.images))
        return None
    if not (config.path_column or config.label_column or config.label_columns):
        ask_loose_words(choice.table, choice.match, finder)
    return _reading(choice, named_split, config)


def _ask_nameless(table: Table, num_images: int) -> None:
    """Asks about a list that is of images or has labels for them, and names none that is there.

    Raises:
        ConfigError: it is such a list.
    """
    what = ""
    named = table if table.heading or not table.rows else with_heading(table, 0, False)
    for column in range(named.width):
        cells = [cell for cell in named.cells(column) if cell]
        if len(cells) > 1 and 2 * sum(map(looks_like_file, cells)) > len(cells):
            what = f"names of image files ({cells[-1]}), and none of them is there"
        elif is_label_heading(named, column) and 2 * len(cells) >= num_images:
            what = what or f"labels ({named.title(column)}), and no column names an image"
    if what:
        raise ConfigError(
            f"{table.name} holds {what}; make the names fit, or say --layout flat to pack without "
            "labels, --layout classes to take the folders' names"
        )


def _scopes(folder: str, named_split: str | None, top_folders: Sequence[str]) -> list[str]:
    scopes = [folder] if folder else []
    if named_split:
        splits = split_folders(f.rstrip("/").rpartition("/")[2] for f in top_folders)
        own = [
            f for f in top_folders
            if splits.get(f.rstrip("/").rpartition("/")[2]) == named_split
        ]  # fmt: skip
        scopes += own if len(own) == 1 else []
    return scopes


def _reading(choice: PathChoice, named_split: str | None, config: LayoutConfig) -> ListReading:
    table, match = choice.table, choice.match
    if config.split_column is None:
        ask_split_words(table, match.column, named_split)
    splits = choose_splits(table, {match.column}, config.split_column)
    rows = len(table.rows)
    share = match.num_named / max(1, rows)
    encoding = "" if table.encoding == "UTF-8" else f", {table.encoding}"
    encoding += f", {counted(len(table.comments), 'comment')}" if table.comments else ""
    line = f"list {table.name} ({rows} rows, {table.separator}{encoding}): {match.figures(table)}"
    agreeing = tuple(
        Skipped(
            name=f"{table.name}, column {table.title(other.column)}",
            reason=f"{table.title(match.column)} names the images; this is {other.figures(table)}",
        )
        for other in choice.others
    )
    return ListReading(
        table=table,
        paths=match.paths,
        shared_rows=match.shared_rows,
        path_column=match.column,
        folder_column=match.folder_column,
        splits=splits,
        named_split=named_split,
        is_good=share >= 0.5,
        line=line,
        passed_over=agreeing,
    )


def not_good(reading: ListReading) -> ConfigError:
    """The question about a list of which few rows name an image."""
    named = sum(path is not None for path in reading.paths)
    return ConfigError(
        f"{reading.name}: only {named} of {len(reading.paths)} rows name an image that is there; "
        f"say --list {reading.name} to take it all the same (and --list for each other one), or "
        "--layout classes or flat"
    )
