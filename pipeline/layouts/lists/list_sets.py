"""Lists that belong together (train.csv and test.csv) as one source of labels and splits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.lists.boxed_labels import with_classes_of_boxes
from headrace.pipeline.layouts.lists.evidence import is_integer, weigh
from headrace.pipeline.layouts.lists.headings import NoSuchColumn, column_number
from headrace.pipeline.layouts.lists.label_column import (
    LabelChoice,
    NoLabelColumn,
    choose_labels,
    one_hot_labels,
)
from headrace.pipeline.layouts.lists.listfiles import ListReading
from headrace.pipeline.layouts.lists.other_case import without_other_case
from headrace.pipeline.layouts.lists.tables import Table
from headrace.pipeline.layouts.split_words import split_in, split_word


@dataclass(frozen=True, kw_only=True)
class ListSet:
    """What some lists say of the images.

    Attributes:
        name: of the lists, for messages.
        labels: image to label, as text; without those that have none.
        splits: image to the splits that the lists put it in; empty where they know no splits.
        is_told: whether a heading or the user says which column is the label.
        has_boxes: whether labels stand before boxes; such a list holds images that have boxes,
            which may be few of a split.
        missing: rows whose image is not there.
        lines: what was taken, with its figures.
        files: the lists, each as it is called.
        passed_over: columns that were not, and why.
        question: why there are no labels, where the columns leave it open.
    """

    name: str
    labels: dict[str, str]
    splits: dict[str, tuple[str, ...]]
    paths: tuple[str, ...]
    is_told: bool
    missing: tuple[Skipped, ...]
    lines: tuple[str, ...]
    passed_over: tuple[Skipped, ...]
    files: tuple[str, ...] = ()
    question: ConfigError | None = None
    has_boxes: bool = False

    def agrees_with(self, splits: Mapping[str, str]) -> bool:
        """Whether each image that the lists put into splits is in one of them without them, too."""
        return all(splits.get(path) in found for path, found in self.splits.items() if found)


def is_form(name: str) -> bool:
    """Whether a list is by its name a form for predictions, whose labels mean nothing."""
    return "submission" in name.lower()


def make_sets(
    readings: Sequence[ListReading],
    config: LayoutConfig,
    known: Collection[str],
    passed_over: list[Skipped],
) -> list[ListSet]:
    """Puts lists together that are called alike but for the split, and finds their labels.

    Args:
        readings: of lists that name images.
        config: with the columns that the user gave.
        known: class names that folders tell.
        passed_over: lists without the column that the user gave are added.

    Raises:
        ConfigError: an image has two labels, or a cell holds several.
    """
    groups: dict[tuple[str, ...], list[ListReading]] = {}
    for reading in readings:
        folder, _, file = reading.name.rpartition("/")
        stem, _, suffix = file.rpartition(".")
        found = split_in(stem)
        # Given lists are one set: who gives them says so.
        key = (folder, found[1], suffix) if found else ("", stem, suffix)
        groups.setdefault(("",) if config.lists else key, []).append(reading)
    sets = []
    absent = []
    for alike in groups.values():
        group = without_other_case(alike)
        if not config.lists:
            group = _without_unions(group, passed_over)
            _refuse_two_of_one(group)
        try:
            sets.append(_make_set(group, config, known))
        except NoSuchColumn as error:
            absent.append((group, error))
    if absent and not sets:
        raise absent[0][1]
    for group, reason in absent:
        name = _name(group)
        passed_over.append(Skipped(name=name, reason=str(reason).removeprefix(name).strip()))
    return sets


def _without_unions(group: list[ListReading], passed_over: list[Skipped]) -> list[ListReading]:
    """Without lists such as trainval.txt, whose images train.txt and val.txt tell apart."""
    images = {reading.name: set(reading.paths) - {None} for reading in group}
    kept = []
    for reading in group:
        own = images[reading.name]
        parts = [r for r in group if images[r.name] < own and r.splits is None]
        union = set().union(*(images[part.name] for part in parts))
        if len({part.named_split for part in parts}) > 1 and union == own:
            reason = f"its images are those of {' and '.join(part.name for part in parts)}"
            passed_over.append(Skipped(name=reading.name, reason=reason))
        else:
            kept.append(reading)
    return kept


def _refuse_two_of_one(group: Sequence[ListReading]) -> None:
    """Refuses lists that are called alike but for two words of one split: val.txt and dev.txt."""
    first: dict[str | None, tuple[str, str]] = {}
    for reading in group:
        word = split_word(PurePosixPath(reading.name).stem)
        other, other_word = first.setdefault(reading.named_split, (reading.name, word))
        if reading.named_split and other_word != word and reading.splits is None:
            raise ConfigError(
                f"{other} and {reading.name} are both lists of {reading.named_split} by their "
                f"names; say --list for each list to join them, or only for those that you mean"
            )


def _name(readings: Sequence[ListReading]) -> str:
    return " and ".join(reading.name for reading in readings)


def _make_set(
    readings: Sequence[ListReading], config: LayoutConfig, known: Collection[str]
) -> ListSet:
    table, taken = _joined(readings)
    may_hold = set(range(table.width)) - taken
    if config.label_column is not None:
        may_hold &= {column_number(table, config.label_column)}
    boxed: frozenset[int] = frozenset()
    if not is_form(table.name):
        entries = [(reading, row) for reading in readings for row in range(len(reading.paths))]
        table, boxed = with_classes_of_boxes(
            table, may_hold, known, lambda row: entries[row][0].entry(entries[row][1])
        )
    question = None
    try:
        if config.label_columns:
            choice = one_hot_labels(table, config.label_columns)
        else:
            counting = frozenset() if config.class_names else _counting(readings)
            choice = choose_labels(table, taken, config.label_column, known, counting)
    except NoLabelColumn as error:
        question = error
        choice = LabelChoice(title=None, cells=[""] * len(table.rows), line="", passed_over=())
    _refuse_two_kinds(readings, choice.cells)
    labels: dict[str, str] = {}
    splits: dict[str, dict[str, None]] = {}
    missing = []
    cells = iter(choice.cells)
    for reading in readings:
        says_split = reading.splits.splits if reading.splits else None
        for number, path in enumerate(reading.paths):
            label = next(cells)
            if path is None:
                entry = reading.entry(number)
                shared = number in reading.shared_rows
                where = "in several folders" if shared else "not there"
                reason = f"listed in {reading.name}, {where}"
                missing.append(Skipped(name=entry or f"row {number}", reason=reason))
                continue
            here = splits.setdefault(path, {})
            split = says_split[number] if says_split else reading.named_split
            if split:
                here[split] = None
            if label and labels.setdefault(path, label) != label:
                raise ConfigError(
                    f"{reading.name} lists {path} again with another label ({label}, not "
                    f"{labels[path]}); an image has one label here: take the rows of all but one "
                    f"away, or choose another column with --label-column"
                )
    lines = [reading.line for reading in readings]
    has_boxes = choice.title in {table.title(column) for column in boxed}
    before = ", before the numbers of its boxes" if has_boxes else ""
    lines += [choice.line + before] if choice.line else []
    lines += [reading.splits.line for reading in readings if reading.splits]
    knows = any(splits.values())
    return ListSet(
        name=_name(readings),
        labels=labels,
        splits={path: tuple(here) for path, here in splits.items()} if knows else {},
        paths=tuple(splits),
        is_told=choice.is_told,
        missing=tuple(missing),
        lines=tuple(lines),
        files=tuple(r.name for r in readings),
        passed_over=_once(
            [*(s for r in readings for s in r.passed_over), *choice.passed_over], choice
        ),
        question=question,
        has_boxes=has_boxes,
    )


def _counting(readings: Sequence[ListReading]) -> frozenset[int]:
    """Columns that count the rows of each list from 1, as in ImageNet's val.txt and test.txt.

    Behind one another they do not, and a few rows that count may hold classes; so may lists of as
    many rows each, of which every one has an image of each class, and what counts from 0.
    """
    alike = {(reading.path_column, reading.table.heading) for reading in readings}
    lengths = {len(reading.table.rows) for reading in readings}
    if len(lengths) == 1 or len(alike) > 1:
        return frozenset()
    found = []
    for column in range(min(reading.table.width for reading in readings)):
        cells = [reading.table.cells(column) for reading in readings]
        each = [weigh(some) for some in cells]
        counts = all(one.kind == "index" for one in each) and any(one.is_unique for one in each)
        if counts and all(some[0].strip() == "1" for some in cells):
            found.append(column)
    return frozenset(found)


def _once(skipped: Sequence[Skipped], choice: LabelChoice) -> tuple[Skipped, ...]:
    """Each column once, without the one that is taken for the label after all."""
    by_name: dict[str, Skipped] = {}
    for one in skipped:
        if not one.name.endswith(f", column {choice.title}"):
            by_name.setdefault(one.name, one)
    return tuple(by_name.values())


def _refuse_two_kinds(readings: Sequence[ListReading], cells: Sequence[str]) -> None:
    """Refuses lists of which one has numbers as labels and another names."""
    numbers = names = ""
    start = 0
    for reading in readings:
        filled = [cell for cell in cells[start : start + len(reading.paths)] if cell]
        start += len(reading.paths)
        if filled and all(is_integer(cell) for cell in filled):
            numbers = numbers or f"{reading.name} has numbers as labels ({filled[0]})"
        elif filled and not any(is_integer(cell) for cell in filled):
            names = names or f"{reading.name} has names ({filled[0]})"
    if numbers and names:
        raise ConfigError(
            f"{numbers}, {names}: which number is which name is not said; choose a column that "
            "all have with --label-column, or name the lists to read with --list"
        )


def _joined(readings: Sequence[ListReading]) -> tuple[Table, set[int]]:
    """The rows of all lists as one table, and its columns of paths and splits, emptied."""
    first = readings[0].table
    taken = {c for r in readings for c in _taken(r)}
    if len(readings) == 1:
        return first, taken
    if all(reading.table.heading for reading in readings):
        titles: dict[tuple[str, int], str] = {}
        for reading in readings:
            for key, title in zip(_keys(reading), reading.table.heading or (), strict=True):
                titles.setdefault(key, title)
        heading: tuple[str, ...] | None = tuple(titles.values())
        places = {key: i for i, key in enumerate(titles)}
    else:
        heading, places = None, {}
    width = len(places) or max(reading.table.width for reading in readings)
    aside = len({reading.path_column for reading in readings}) > 1
    rows = []
    used = set()
    for reading in readings:
        own = _taken(reading)
        keys = _keys(reading)
        for row in reading.table.rows:
            cells = [""] * width
            for column, cell in enumerate(row):
                if places:
                    place = places[keys[column]]
                elif aside:  # `path label` in one list, `label path` in another
                    place = _behind_path(column, reading.path_column)
                else:
                    place = column
                if column in own:
                    used.add(place)
                else:
                    cells[place] = cell
            rows.append(cells)
    return replace(first, name=_name(readings), heading=heading, rows=rows), used


def _keys(reading: ListReading) -> list[tuple[str, int]]:
    """What a list's columns have in common with those of others: the heading, and which of that
    heading each is."""
    titles = [title.strip().casefold() for title in reading.table.heading or ()]
    return [(title, titles[:i].count(title)) for i, title in enumerate(titles)]


def _behind_path(column: int, path_column: int) -> int:
    """A column's place where the column of paths comes first."""
    return 0 if column == path_column else column + (column < path_column)


def _taken(reading: ListReading) -> set[int]:
    """Columns that are no labels: a column of folders may be one all the same."""
    taken = {reading.path_column, *reading.key_columns}
    return taken | (reading.splits.columns if reading.splits else set())
