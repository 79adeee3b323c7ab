"""Class names: numbers every sample's label and finds what each number is called."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.listing import natural_key
from headrace.pipeline.layouts.lists.headings import label_rank, words_of
from headrace.pipeline.layouts.named_folders import names_of_folders
from headrace.pipeline.layouts.text_files import read_text
from headrace.pipeline.wording import counted

MAX_CLASSES = 1_000_000
_NUMBER_FIRST = re.compile(r"([0-9]{1,9})\s*[\s,;:]\s*(\S.*)")
_NUMBER_LAST = re.compile(r".*\S\s*[\s,;:]\s*([0-9]{1,9})")


def folder_titles(folders: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """What class folders are called: their own name, or their path where that is ambiguous.

    Two folders of one name are two classes if they occur in the same split. If they never do, the
    class was moved between the splits (it happens in published data) and both are the same. So are
    two spellings of one name in Unicode (macOS writes NFD).

    Args:
        folders: (split, path of the class folder below the split).

    Returns:
        path to title, and a line for each class found in several places.
    """
    places: dict[str, set[tuple[str, str]]] = {}
    different = set(folders)
    spelled = {folder: unicodedata.normalize("NFC", folder) for _, folder in different}
    for split, folder in different:
        leaf = spelled[folder].rpartition("/")[2]
        places.setdefault(leaf, set()).add((split, spelled[folder]))
    titles: dict[str, str] = {}
    notes = []
    for leaf, found in sorted(places.items()):
        paths = sorted({folder for _, folder in found})
        clash = len({split for split, _ in found}) < len(found)
        for folder in paths:
            titles[folder] = folder if clash else leaf
        if not clash and len(paths) > 1:
            notes.append(f"class {leaf} lies in {' and '.join(paths)} of different splits")
    return {folder: titles[title] for folder, title in spelled.items()}, notes


def number_labels(
    root: Path,
    labels: Sequence[str | int | None],
    config: LayoutConfig,
    notes: list[str],
) -> tuple[np.ndarray, tuple[str, ...], Path | None]:
    """Turns labels into class numbers.

    Numbers stay what they are. Names are numbered in natural order, or in the order of the class
    name file.

    Args:
        root: the data set's folder; a `classes.txt` or `classes.csv` there names numbered classes
            if it fits them exactly.
        labels: (N,) class name, class number (negative: none) or None.
        config: with the file of class names that the user gave, one per line, which then must fit;
            where labels are names, and all of them numbers, it names the numbers. Its lines may be
            `FOLDER NAME`, too.
        notes: what was decided is added.

    Returns:
        labels (N,) int64 with -1 for none, the class names, and the file that they are from, if
        they are from one.

    Raises:
        ConfigError: names and labels contradict each other.
    """
    source = class_names = config.class_names
    given = _read_names(source, config.encoding) if source is not None else None
    named = {label for label in labels if isinstance(label, str)}
    titles = names_of_folders(given or (), named) if named.isdisjoint(given or ()) else {}
    if given is not None and named and named.isdisjoint(given) and all(map(_is_number, named)):
        # Folders called 0, 1, 2: the user's file says what the numbers mean.
        alike = Counter(map(int, named)).most_common(1)[0]
        if alike[1] > 1:
            twice = " and ".join(sorted(name for name in named if int(name) == alike[0]))
            raise ConfigError(
                f"classes {twice} are the same number, which {class_names} names once: give one of "
                "them another name"
            )
        labels, named = [int(v) if isinstance(v, str) else v for v in labels], set()
        by_number = {int(folder): name for folder, name in titles.items()}
        if by_number and max(by_number) < MAX_CLASSES:
            given = _filled(by_number, source)
    numbers = {label for label in labels if isinstance(label, int) and label >= 0}
    if given is not None and numbers and not titles:
        given = _of_numbers(source, given, _numbered(given), numbers)
    if named and numbers:
        raise ConfigError(
            f"some labels are names ({min(named)}), others numbers ({min(numbers)}); "
            "expected one kind: mend the list, or choose another column with --label-column"
        )
    if named:
        classes = given if given is not None else _in_order(named)
        places = {name: i for i, name in enumerate(classes)}
        if given is not None and titles:
            places = {folder: i for i, folder in enumerate(titles)}
            classes = list(titles.values())
            if len(titles) < len(given):
                more = counted(len(given) - len(titles), "more line")
                notes.append(f"{class_names} has {more}, of folders that are not there")
        for name in _in_order(named - places.keys()):
            raise ConfigError(
                f"class {name!r} is not in {class_names}: add it as a line, alone, or as {name} "
                "NAME where all lines begin with a folder's name"
            )
        values = [places[v] if isinstance(v, str) else -1 for v in labels]
        return np.array(values, np.int64), tuple(classes), source
    values = [v if isinstance(v, int) and v >= 0 else -1 for v in labels]
    highest = max(values, default=-1)
    if highest >= MAX_CLASSES:
        raise ConfigError(
            f"label {highest}: expected at most {MAX_CLASSES - 1}; is it a class number at all? "
            "choose another column with --label-column, or another --layout"
        )
    if given is not None and highest >= len(given):
        raise ConfigError(
            f"{class_names} names {len(given)} classes, but there is a label {highest}: expected "
            "one line for each class, from 0; add the missing lines, or mend the label"
        )
    if given is None and numbers:
        given, source = _names_nearby(root, numbers, config.encoding)
    classes = given if given is not None else [str(i) for i in range(highest + 1)]
    return np.array(values, np.int64), tuple(classes), source


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def _in_order(names: Iterable[str]) -> list[str]:
    names = set(names)
    if all(_is_number(name.removeprefix("-")) for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names, key=natural_key)


def _read_names(path: Path, encoding: str | None) -> list[str]:
    try:
        lines = read_text(path, encoding)[0].lstrip("\ufeff").splitlines()
    except ConfigError as error:
        raise ConfigError(f"class names {error}") from error
    names = [line.strip() for line in lines]
    comments = [name for name in names if name.startswith("#")]
    if 2 * len(comments) <= len(names):
        names = [name for name in names if not name.startswith("#")]
        if hashed := next((name for name in comments if name[1:2].strip(" #")), None):
            raise ConfigError(
                f"class names {path} has the line {hashed!r}: put a space behind its # if it is a "
                "comment, or write NUMBER NAME in each line if it is a name"
            )
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise ConfigError(
            f"class names {path} has an empty line above {names[names.index('') + 1]!r}: expected "
            "one name per line; take the line away, or name the class"
        )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated or not names:
        what = f"has the name {repeated[0]!r} twice" if repeated else "is empty"
        raise ConfigError(f"class names {path} {what}: expected one name per line")
    return names


def _filled(names: dict[int, str], path: Path | None) -> list[str]:
    """Names in the order of their numbers; a number without a name is called as it is.

    Raises:
        ConfigError: one of the names is such a number's.
    """
    result = [names.get(i, str(i)) for i in range(max(names) + 1)]
    if len(set(result)) < len(result):
        raise ConfigError(
            f"{path} calls a class as another one is numbered, of which it has no line: name that "
            "one, too"
        )
    return result


def _of_numbers(
    path: Path | None, lines: list[str], numbered: dict[int, str], numbers: set[int]
) -> list[str]:
    """The names of a file for numbers: by the numbers before them, else in the order of the lines.

    Args:
        path: the file.
        lines: of it.
        numbered: its names by the numbers before them, see `_numbered`.
        numbers: that are labels.

    Raises:
        ConfigError: the lines do not say which name is which number's.
    """
    if numbered and numbers <= numbered.keys() and max(numbered) < MAX_CLASSES:
        return _filled(numbered, path)
    last = [match and int(match[1]) for match in map(_NUMBER_LAST.fullmatch, lines)]
    in_order = list(range(len(lines)))
    headed = len(lines) > 2 and last == [None, *in_order[:-1]]
    reason = ""
    if numbered.keys() == set(in_order[1:]) | {len(lines)}:
        reason = "numbers its lines from 1, and there is a label 0"
    elif headed or (last != in_order and set(last) == set(in_order)):
        reason = "has numbers behind its names"
    elif len(lines) > max(numbers) + 1 and _is_title(lines[0]):
        reason = (
            f"has more lines than there are labels, and its first, {lines[0]!r}, may be a heading"
        )
    if reason:
        raise ConfigError(
            f"class names {path} {reason}: expected the names alone in the order of the labels, "
            "from 0, or NUMBER NAME in each line"
        )
    return lines


def _is_title(line: str) -> bool:
    words = set(words_of(line))
    return label_rank(line) == 2 or (bool(words) and words <= {"id", "index", "name", "names"})


def _numbered(lines: list[str]) -> dict[int, str]:
    """Names by the numbers before them, as `1 001.Albatross`, below a heading or none; empty where
    lines have no numbers, or two would have one name."""
    for first in (0, 1):
        pairs = list(map(_NUMBER_FIRST.fullmatch, lines[first:]))
        names = {int(pair[1]): pair[2] for pair in pairs if pair}
        if names and len(set(names.values())) == len(names) == len(pairs):
            return names
    return {}


def _names_nearby(
    root: Path, numbers: set[int], encoding: str | None
) -> tuple[list[str] | None, Path | None]:
    """Names from a file beside the images, only where they fit the numbers beyond doubt."""
    plain = root / "classes.txt"
    if plain.is_file():
        names = _read_names(plain, encoding)
        numbered = _numbered(names)
        if numbered:
            if numbers <= numbered.keys():
                return _of_numbers(plain, names, numbered, numbers)[: max(numbers) + 1], plain
        elif 0 in numbers and max(numbers) < len(names):
            return _of_numbers(plain, names, numbered, numbers), plain
        elif max(numbers) < len(names):
            raise ConfigError(
                f"{plain} names {len(names)} classes, and the labels begin with {min(numbers)}: is "
                f"its first line class 0? say --class-names {plain} if it is; else move it away"
            )
    table = root / "classes.csv"
    if not table.is_file():
        return None, None
    text = io.StringIO(read_text(table, encoding)[0], newline="")
    rows = [row for row in csv.reader(text) if row]
    fits = []
    for column in range(1, min(len(row) for row in rows) if rows else 0):
        pairs = {(row[column].strip(), row[column - 1].strip()) for row in rows[1:]}
        if not all(number.isdecimal() for number, _ in pairs):
            continue
        names_by_number = {int(number): name for number, name in pairs}
        one_to_one = len(pairs) == len(names_by_number) == len({n for _, n in pairs})
        if one_to_one and set(names_by_number) == numbers == set(range(len(numbers))):
            fits.append([names_by_number[i] for i in range(len(numbers))])
    # Two columns that fit equally well would be a guess.
    return (fits[0], table) if len(fits) == 1 else (None, None)
