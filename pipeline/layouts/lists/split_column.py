"""Which column of a list says what is held out: `split`, `is_valid`, `fold`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import NO_COLUMN
from headrace.pipeline.layouts.lists.evidence import FLAG_CELLS, TRUE, as_integer, is_integer, weigh
from headrace.pipeline.layouts.lists.headings import (
    is_split_heading,
    label_rank,
    need_column,
    words_of,
)
from headrace.pipeline.layouts.lists.tables import Table
from headrace.pipeline.layouts.split_words import split_cell, split_in, split_word

_VERBS = {"is", "in", "for", "use", "used"}
_SPLIT_OF_WORD = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class SplitChoice:
    """The split of each row, None where the row says none; `line` says where it comes from, and
    `columns` are all that say it."""

    columns: set[int]
    splits: list[str | None]
    line: str


def choose_splits(table: Table, taken: Collection[int], wanted: str | None) -> SplitChoice | None:
    """The column of splits, or None without one.

    Args:
        table: without its heading row.
        taken: the columns of paths.
        wanted: the column that the user gave, or NO_COLUMN.

    Raises:
        ConfigError: there are several, or one is called a split and says none that is known.
    """
    if wanted == NO_COLUMN:
        return None
    if wanted is not None:
        column = need_column(table, wanted, "split")
        splits = _of_column(table, column, given=True)
        others = set(range(table.width)) - {column, *taken}
        same = [c for c in sorted(others) if splits == _of_column(table, c, given=False)]
        return _made(table, [column, *same] if splits else [column], splits)
    found: dict[int, list[str | None]] = {}
    unclear = []
    for column in range(table.width):
        if column in taken:
            continue
        splits = _of_column(table, column, given=False)
        if splits is not None:
            _refuse_doubtful_flag(table, column, taken)
            found[column] = splits
        elif table.heading and is_split_heading(table.title(column)):
            unclear.append(column)
    if not found and unclear:
        column = unclear[0]
        title = table.title(column)
        raise ConfigError(
            f"{table.name}: the column {title} is called a split, and its values are no names of "
            f"splits ({weigh(table.cells(column)).figures()}); write train, val or test there, or "
            f"say --split-column {title} to take the values as the splits' names, or "
            f"--split-column {NO_COLUMN} to leave it alone"
        )
    if not found:
        return None
    columns = list(found)
    if any(found[column] != found[columns[0]] for column in columns[1:]):
        if len(columns) > 1 and (merged := _of_flags(table, found)):
            return _made(table, columns, merged)
        titles = " and ".join(table.title(column) for column in columns)
        raise ConfigError(
            f"{table.name}: {titles} all say which rows are held out, and differ; say "
            f"--split-column {table.title(columns[0])} or another, or {NO_COLUMN}"
        )
    return _made(table, columns, found[columns[0]])


def _refuse_doubtful_flag(table: Table, column: int, taken: Collection[int]) -> None:
    """Refuses a column of 0 and 1 that its heading calls a split and that may be something else:
    `valid`, as of good images, or the class `train` among one-hot columns.

    Raises:
        ConfigError: it is such a column.
    """
    words = words_of(table.title(column)) if table.heading else []
    target = _SPLIT_OF_WORD.get(words[0]) if len(words) == 1 else None
    if target is None or not _are_flags(table, column):
        return
    title = table.title(column)
    beside = [c for c in range(table.width) if c not in taken and _are_flags(table, c)]
    ones = {sum(row[c].lower() in TRUE for c in beside) for row in table.rows}
    classes = [c for c in beside if _SPLIT_OF_WORD.get(table.title(c).strip().lower()) is None]
    what = ""
    if ones == {1} and classes:
        titles = ", ".join(table.title(c) for c in beside[:4])
        what = f"each row has one 1 in the columns {titles}: is {title} a class"
    elif words == ["valid"]:
        what = f"does the column {title} say which rows are for validation, or which are good"
    if what:
        raise ConfigError(
            f"{table.name}: {what}? say --split-column {title} if it says the split ({target} "
            f"where it is 1), --split-column {NO_COLUMN} if it does not"
        )


def _are_flags(table: Table, column: int) -> bool:
    return FLAG_CELLS.issuperset(map(str.lower, table.cells(column)))


def _made(table: Table, columns: Sequence[int], splits: list[str | None] | None) -> SplitChoice:
    column = columns[0]
    if splits is None:
        raise ConfigError(
            f"{table.name}: the column {table.title(column)} names no splits "
            f"({weigh(table.cells(column)).figures()}); expected train, val, test, or yes and no "
            "under is_valid, is_test or is_train"
        )
    empty = splits.count(None)
    if empty:
        raise ConfigError(
            f"{table.name}: the column {table.title(column)} says no split in {empty} of "
            f"{len(splits)} rows; fill them, or say --split-column {NO_COLUMN}"
        )
    counts = {split: splits.count(split) for split in sorted({s for s in splits if s})}
    shown = ", ".join(f"{split} {count}" for split, count in counts.items())
    return SplitChoice(
        columns=set(columns),
        splits=splits,
        line=f"splits: column {' and '.join(map(table.title, columns))} ({shown})",
    )


def _of_column(table: Table, column: int, *, given: bool) -> list[str | None] | None:
    """The splits that a column names, or None if it names none."""
    cells = table.cells(column)
    evidence = weigh(cells)
    title = table.title(column) if table.heading else ""
    named = is_split_heading(title)
    if evidence.kind == "empty":
        return None
    if evidence.kind == "split" and (
        given or named or (evidence.num_distinct > 1 and label_rank(title) < 2)
    ):
        if shared := _sharing(cells):
            if not given:
                raise _two_of_one(table, column, shared)
            return [_own_name(cell) if cell else None for cell in cells]
        return [split_cell(cell) if cell else None for cell in cells]
    words = [word for word in words_of(title) if word not in _VERBS]
    if evidence.kind in ("flag", "constant") and _are_flags(table, column):
        if words_of(title) == ["train", "test", "split"]:  # of CUB-200: 1 is training
            return ["train" if cell.lower() in TRUE else "test" for cell in cells]
        target = _SPLIT_OF_WORD.get(words[0]) if len(words) == 1 else None
        if target and words_of(title)[0] in (*_VERBS, words[0]):
            other = "test" if target == "train" else "train"
            return [target if cell.lower() in TRUE else other for cell in cells]
    few = evidence.num_distinct <= 100 and evidence.num_distinct > 1
    folds = any(word.startswith(("fold", "kfold")) for word in words)
    if few and folds and all(is_integer(c) and as_integer(c) >= 0 for c in cells if c):
        return [f"fold{as_integer(cell)}" if cell else None for cell in cells]
    if given and few and not evidence.is_unique:
        return [_name(cell) if cell else None for cell in cells]
    return None


def _sharing(cells: Collection[str]) -> tuple[str, str, str] | None:
    """Two values that speak of one split in other words: PublicTest and PrivateTest."""
    first: dict[str, tuple[str, str]] = {}
    for cell in dict.fromkeys(cell for cell in cells if cell):
        split, rest = split_in(cell) or ("", "")
        words = f"{split_word(cell)} {rest}"
        other, other_words = first.setdefault(split, (cell, words))
        if split and other_words != words:
            return other, cell, split
    return None


def _two_of_one(table: Table, column: int, shared: tuple[str, str, str]) -> ConfigError:
    one, other, split = shared
    title = table.title(column).removeprefix("number ")
    return ConfigError(
        f"{table.name}: in the column {title}, {one} and {other} both speak of {split}; write "
        f"train, val and test there, or say --split-column {title} to take the values as the "
        f"splits' names, or --split-column {NO_COLUMN} to leave it alone"
    )


def _of_flags(table: Table, found: dict[int, list[str | None]]) -> list[str | None] | None:
    """is_valid and is_test together, where no row is both."""
    kinds = [weigh(table.cells(column)).kind for column in found]
    if any(kind not in ("flag", "constant") for kind in kinds):
        return None
    merged: list[str | None] = []
    for row in zip(*found.values(), strict=True):
        held_out = {split for split in row if split != "train"}
        if len(held_out) > 1:
            return None
        merged.append(next(iter(held_out), "train"))
    return merged


def _name(cell: str) -> str:
    return split_cell(cell) or _own_name(cell)


def _own_name(cell: str) -> str:
    return cell if _NAME.fullmatch(cell) else "part" + re.sub(r"[^A-Za-z0-9_]", "_", cell)
