"""Which column of lists holds the label, by what its cells show and what it is called."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.doubtful_labels import (
    corrected_labels,
    cut_off_labels,
    doubt_of_lone_column,
    glued_labels,
)
from headrace.pipeline.layouts.lists.evidence import TRUE, Evidence, weigh
from headrace.pipeline.layouts.lists.headings import (
    is_other_heading,
    label_rank,
    looks_like_file,
    need_column,
)
from headrace.pipeline.layouts.lists.multi_label import refuse_several_labels
from headrace.pipeline.layouts.lists.tables import Table

_MAX_SHOWN = 6
_FEW_ROWS = 12
_ZERO_OR_ONE = frozenset(("0", "1", "0.0", "1.0"))


@dataclass(frozen=True, kw_only=True)
class LabelChoice:
    """Where the labels are.

    Attributes:
        title: of the column, None where there is none.
        cells: the label of each row of the table.
        line: what was taken, with its figures.
        passed_over: other columns, and why.
        is_told: whether its heading says so, or the user; else it is what is left.
    """

    title: str | None
    cells: list[str]
    line: str
    passed_over: tuple[Skipped, ...]
    is_told: bool = True


class NoLabelColumn(ConfigError):
    """Several columns may be the label, or none looks like one."""


def choose_labels(
    table: Table,
    taken: Collection[int],
    wanted: str | None,
    known: Collection[str] = (),
    counting: Collection[int] = (),
) -> LabelChoice:
    """The label of each row.

    Args:
        table: without its heading row.
        taken: columns that hold paths or splits.
        wanted: the column that the user gave.
        known: class names that folders tell; a column that holds nothing else is the label.
        counting: columns that count the rows of each of several lists.

    Raises:
        NoLabelColumn: several columns look like it.
        ConfigError: several labels for an image, or no such column.
    """
    free = [column for column in range(table.width) if column not in taken]
    evidence = {column: weigh(table.cells(column)) for column in free}
    if wanted is not None:
        column = need_column(table, wanted, "label")
        if column in taken:
            raise ConfigError(
                f"{table.name}: the column {wanted!r} holds paths or splits, no label"
            )
        return _chosen(table, column, evidence, {}, True)
    reasons = {column: _why_not(table, column, evidence[column]) for column in free}
    for column in counting:
        if column in free:
            reasons[column] = f"it counts the rows of each list: {evidence[column].figures()}"
    likely = [column for column in free if reasons[column] is None]
    ranks = {column: label_rank(table.title(column)) if table.heading else 0 for column in free}
    top = max((ranks[column] for column in likely), default=0)
    told = [column for column in likely if ranks[column] == top] if top else []
    if not told:
        told = [c for c in likely if evidence[c].kind == "words" and _within(table, c, known)]
    if not told and all(evidence[c].kind != "words" for c in likely):
        # In so few rows 0, 1, 2 may be classes as well as the rows' numbers.
        counting = [c for c in free if evidence[c].kind == "index" and not evidence[c].is_unique]
        likely = sorted({*likely, *counting}) if likely else likely
    if not told and (one_hot := _one_hot(table, free, evidence)):
        return one_hot
    if told and (classes := _one_hot_with(table, free, told)):
        raise NoLabelColumn(_several(table, classes, evidence))
    if not told:
        likely = [c for c in likely if not is_other_heading(table, c)] or likely
    if not told and (doubt := doubt_of_lone_column(table, likely, free, evidence)):
        raise NoLabelColumn(doubt)
    best = _same_classes(table, told or likely, evidence, bool(told))
    if best is not None:
        if reason := _called_so(table, free, best, evidence, ranks):
            raise NoLabelColumn(reason)
        if rivals := corrected_labels(table, best, likely):
            raise NoLabelColumn(_several(table, [best, *rivals], evidence))
        if reason := cut_off_labels(table, best) or glued_labels(table, best):
            raise NoLabelColumn(reason)
        return _chosen(table, best, evidence, reasons, bool(told))
    if told or likely:
        others = [c for c in likely if c not in told]
        raise NoLabelColumn(_several(table, [*told, *others], evidence))
    called = [
        c for c in free
        if ranks[c] > (evidence[c].kind == "numbers") and evidence[c].kind != "empty"
    ]  # fmt: skip
    if called:
        title = table.title(called[0])
        raise NoLabelColumn(
            f"{table.name}: the column {title} is called a label and does not look like it: "
            f"{reasons[called[0]]}; say --label-column {title} if it is"
        )
    skipped = tuple(
        Skipped(name=f"{table.name}, column {table.title(column)}", reason=reasons[column] or "")
        for column in free
        if evidence[column].kind != "empty"
    )
    return LabelChoice(title=None, cells=[""] * len(table.rows), line="", passed_over=skipped)


def one_hot_labels(table: Table, columns: Sequence[str]) -> LabelChoice:
    """Labels from the columns that the user gave, of which each row has a 1 in one.

    Raises:
        ConfigError: a row has none or several, or a cell is neither 0 nor 1.
    """
    numbers = [need_column(table, column, "label") for column in columns]
    return _of_one_hot(table, numbers, list(columns))


def _within(table: Table, column: int, known: Collection[str]) -> bool:
    values = set(table.cells(column)) - {""}
    return len(values) > 1 and values <= set(known)


def _why_not(table: Table, column: int, found: Evidence) -> str | None:
    """Why a column can be no label, or None if it may be one."""
    told = label_rank(table.title(column)) if table.heading else 0
    if found.kind == "empty":
        return "it is empty"
    if found.kind == "numbers":
        return f"it holds fractions: {found.figures()}"
    if found.kind == "split":
        return f"it names splits: {found.figures()}"
    if found.kind == "constant" and len(table.rows) > 1 and not told:
        return f"it says the same of all: {found.examples[0][:40]}"
    if found.kind == "index" and (not told or found.is_unique):
        return f"it counts the rows: {found.figures()}"
    if found.is_unique:
        return f"it has another value in nearly every row: {found.figures()}"
    filled = [cell for cell in table.cells(column) if cell]
    if sum(looks_like_file(cell) for cell in filled) > 0.5 * len(filled):
        return f"it holds file names: {found.figures()}"
    return None


def _called_so(
    table: Table, free: Sequence[int], best: int, evidence: dict[int, Evidence],
    ranks: dict[int, int],
) -> str | None:  # fmt: skip
    """Why the best column is none after all: another is called the label, and looks like none."""
    for column in free:
        unlike = evidence[column].kind in ("constant", "split") or evidence[column].is_unique
        if unlike and ranks[column] == 2 > ranks[best]:
            return (
                f"{table.name}: the column {table.title(column)} is called the label and does "
                f"not look like it ({evidence[column].figures()}), {table.title(best)} does "
                f"({evidence[best].figures()}); say --label-column"
            )
    return None


def _same_classes(
    table: Table, columns: Sequence[int], evidence: dict[int, Evidence], told: bool
) -> int | None:
    """The only column, or of several that mean the same classes one that names them.

    Where no heading speaks for them, few rows may agree by chance, and two names for each class
    are two readings.
    """
    if not columns:
        return None
    words = [column for column in columns if evidence[column].kind == "words"]
    if not told and len(columns) > 1 and (len(words) > 1 or len(table.rows) < _FEW_ROWS):
        return None
    first = table.cells(columns[0])
    for column in columns[1:]:
        pairs = set(zip(first, table.cells(column), strict=True)) - {("", "")}
        if not len(pairs) == evidence[columns[0]].num_distinct == evidence[column].num_distinct:
            return None
        if len(pairs) == evidence[column].num_filled:
            return None  # nothing comes twice: they agree whatever they mean
    return min(columns, key=lambda column: (evidence[column].kind != "words", column))


def _several(table: Table, columns: Sequence[int], evidence: dict[int, Evidence]) -> str:
    shown = [f"{table.title(c)} ({evidence[c].figures()})" for c in columns[:_MAX_SHOWN]]
    more = f" and {len(columns) - _MAX_SHOWN} more" if len(columns) > _MAX_SHOWN else ""
    flags = [c for c in columns if set(table.cells(c)) <= _ZERO_OR_ONE]
    one_hot = ""
    if len(flags) > 1:
        one_hot = ", or --label-columns for columns of 0 and 1 of which each row has one 1"
    return (
        f"{table.name}: which column is the label? {'; '.join(shown)}{more}; say --label-column"
        f"{one_hot}"
    )


def _chosen(
    table: Table, column: int, evidence: dict[int, Evidence], reasons: dict[int, str | None],
    is_told: bool,
) -> LabelChoice:  # fmt: skip
    cells = table.cells(column)
    refuse_several_labels(table.name, table.title(column), cells)
    others = [c for c in evidence if c != column and evidence[c].kind != "empty"]
    skipped = [
        Skipped(
            name=f"{table.name}, column {table.title(other)}",
            reason=reasons.get(other)
            or f"{table.title(column)} is the label; this has {evidence[other].figures()}",
        )
        for other in others
    ]
    return LabelChoice(
        title=table.title(column),
        cells=cells,
        line=f"label: column {table.title(column)} ({evidence[column].figures()})",
        passed_over=tuple(skipped),
        is_told=is_told,
    )


def _one_hot(
    table: Table, free: Sequence[int], evidence: dict[int, Evidence]
) -> LabelChoice | None:
    """The classes that columns of 0 and 1 name, where there are such columns and no label.

    Raises:
        ConfigError: rows have several ones.
    """
    columns = [c for c in free if set(table.cells(c)) - {""} <= _ZERO_OR_ONE]
    others = [c for c in free if c not in columns and evidence[c].kind in ("words", "integers")]
    others = [c for c in others if not evidence[c].is_unique and not is_other_heading(table, c)]
    if table.heading is None or len(columns) < 2:
        return None
    rows = [row for row in table.rows if any(row[c] for c in columns)]
    ones = [sum(row[c] in TRUE for c in columns) for row in rows]
    single = sum(count == 1 for count in ones)
    if others:
        if single == len(ones):
            raise NoLabelColumn(_several(table, [*columns, *others], evidence))
        return None
    if single == len(ones):
        return _of_one_hot(table, columns, [table.title(c) for c in columns])
    titles = ", ".join(table.title(c) for c in columns[:_MAX_SHOWN])
    if 2 * single > len(ones) or (len(columns) > 2 and max(ones) > 1):
        raise NoLabelColumn(
            f"{table.name} has columns of 0 and 1 ({titles}), and {len(ones) - single} of "
            f"{len(ones)} rows have no 1 or several: several labels for an image cannot be packed, "
            "an image has one; if the labels are in some of the columns, say --label-columns a,b,c"
        )
    return None


def _one_hot_with(table: Table, free: Sequence[int], told: Sequence[int]) -> list[int]:
    """One-hot columns, three at least, of which the classes' names are words for labels too: `y`
    of x, y and z. Empty where there are none."""
    columns = [c for c in free if set(table.cells(c)) <= _ZERO_OR_ONE]
    one = all(sum(row[c] in TRUE for c in columns) == 1 for row in table.rows)
    return columns if one and len(columns) > 2 and set(told) <= set(columns) else []


def _of_one_hot(table: Table, columns: Sequence[int], names: Sequence[str]) -> LabelChoice:
    cells = []
    for number, row in enumerate(table.rows, 1):
        values = [row[c].lower() for c in columns]
        if not any(values):  # of another list of the set, that knows no labels
            cells.append("")
            continue
        ones = [name for name, value in zip(names, values, strict=True) if value in TRUE]
        strange = [v for v in values if v not in TRUE and v not in ("0", "0.0", "false", "no", "")]
        if strange or len(ones) != 1:
            what = f"the value {strange[0]}" if strange else f"{len(ones)} ones"
            raise ConfigError(
                f"{table.name}: row {number} has {what} in the columns {', '.join(names[:8])}; "
                "expected 0s and one 1, since an image has one label"
            )
        cells.append(ones[0])
    return LabelChoice(
        title="one-hot",
        cells=cells,
        line=f"label: {len(columns)} one-hot columns ({', '.join(names[:_MAX_SHOWN])})",
        passed_over=(),
    )
