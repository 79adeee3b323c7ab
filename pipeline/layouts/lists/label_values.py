"""Labels of a list as numbers or names, and what -1 among them means."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.evidence import as_integer, is_integer

_LIKE_NOTHING = frozenset(("nan", "null", "none", "na", "n/a", "<na>", "?", "-", "unknown"))


def label_values(
    labels: Sequence[str | int | None],
    splits: Sequence[str],
    no_label: Sequence[str] | None,
    notes: list[str],
) -> list[str | int | None]:
    """Cells as class numbers where all are whole numbers, else as names.

    Args:
        labels: (N,) cells, None where there is none.
        splits: (N,) of each sample.
        no_label: values that mean none, as the user says; None: nothing is known.
        notes: what was decided is added.

    Raises:
        ConfigError: a negative number may be a class, or mean that there is none.
    """
    cells = [None if label is None else str(label).strip() or None for label in labels]
    if no_label is not None:
        none = {value.strip() for value in no_label}
        cells = [None if cell in none else cell for cell in cells]
    values = {cell for cell in cells if cell is not None}
    negative = {v for v in values if is_integer(v) and as_integer(v) < 0}
    if negative and no_label is None:
        cells = _without_negative(cells, splits, values, negative, notes)
        values = {cell for cell in cells if cell is not None}
    for value in sorted(v for v in values if v.lower() in _LIKE_NOTHING):
        notes.append(f"the label {value!r} is a class; say --no-label {value} if it means none")
    if all(is_integer(value) for value in values):
        numbers = {value: as_integer(value) for value in values}
        plain = len(set(numbers.values())) == len({value.partition(".")[0] for value in values})
        if plain and min(numbers.values(), default=0) >= 0:
            return [None if cell is None else numbers[cell] for cell in cells]
    return list(cells)


def _without_negative(
    cells: list[str | None],
    splits: Sequence[str],
    values: set[str],
    negative: set[str],
    notes: list[str],
) -> list[str | None]:
    """Cells without -1 where it plainly means none."""
    numbers = {as_integer(value) for value in values if is_integer(value)}
    if numbers == {-1, 1} and len(values) == 2:
        notes.append("-1 and 1 are two classes; say --no-label -1 if -1 means none")
        return cells
    where = {split for cell, split in zip(cells, splits, strict=True) if cell in negative}
    beside = {
        split
        for cell, split in zip(cells, splits, strict=True)
        if split in where and cell is not None and cell not in negative
    }
    if negative == {"-1"} and not beside:
        notes.append(f"-1 means no label in {', '.join(sorted(where))}, where all have it")
        return [None if cell in negative else cell for cell in cells]
    value = min(negative)
    others = sorted(values - negative)[:3]
    raise ConfigError(
        f"is {value} a class beside {', '.join(others)}, or does it mean no label "
        f"({sum(cell in negative for cell in cells)} of {len(cells)} rows)? say --no-label {value} "
        "if it means none, --no-label '' if it is a class"
    )
