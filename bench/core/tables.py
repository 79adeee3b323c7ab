"""Rows as a table: aligned for the screen, or in Markdown.

print(table(rows, [Column("loader"), Column("images/s", "images_per_s", ",.0f")]))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Column(NamedTuple):
    """A column of the table on screen.

    Attributes:
        heading: first line, and the row's key if no other is given.
        key: of the value in a row.
        form: format specification; a missing value or None shows as `-`.
    """

    heading: str
    key: str = ""
    form: str = ""


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """An aligned text table: text to the left, numbers to the right."""
    cells = [[_cell(row.get(c.key or c.heading), c.form) for c in columns] for row in rows]
    widths = [
        max(len(c.heading), *(len(line[i]) for line in cells)) if cells else len(c.heading)
        for i, c in enumerate(columns)
    ]
    right = [
        any(isinstance(row.get(c.key or c.heading), (int, float)) for row in rows) for c in columns
    ]
    lines = [[c.heading for c in columns], ["-" * w for w in widths], *cells]
    return "\n".join(
        "  ".join(
            text.rjust(w) if r else text.ljust(w)
            for text, w, r in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def markdown(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """The same as a Markdown table; a column in which no row has a value is left out."""
    columns = [c for c in columns if any(row.get(c.key or c.heading) is not None for row in rows)]
    right = [c.form != "" or c.key != "" for c in columns]
    lines = [[c.heading for c in columns], ["---:" if r else "---" for r in right]]
    lines += [[_cell(row.get(c.key or c.heading), c.form) for c in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any, form: str) -> str:
    if value is None:
        return "-"
    return format(value, form)
