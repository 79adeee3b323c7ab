"""What sections are made of: tables that sort, charts with their words, pieces of advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

NONE = "\N{EN DASH}"
"""What is shown where there is no number."""
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes:
        name: heading.
        number: whether its cells are numbers, which stand right and sort as such.
        help: what is meant, where the heading does not say.
    """

    name: str
    number: bool = False
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what is shown.
        value: by what it is sorted; None sorts last, whichever way.
        share: 0..1, drawn as a bar behind the text; None for none.
        note: small, behind the text.
    """

    text: str
    value: float | str | None = None
    share: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells; the first cell of a row names it.

    Attributes:
        id: in the page.
        caption: what the table is, for who hears it.
        columns, rows: as many cells in a row as columns.
        sortable: whether headings are buttons.
        filtered: whether there is a field to search for rows by name.
    """

    id: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    sortable: bool = False
    filtered: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A plot with its words.

    Attributes:
        id: in the page.
        title: heading.
        alt: what is to be seen in it, in a sentence or two.
        item: Bokeh's JSON.
        table: the numbers behind it.
        zooms: whether it has buttons to zoom.
        group: charts of one group show the same range of x.
    """

    id: str
    title: str
    alt: str
    item: dict[str, Any]
    table: Table | None = None
    zooms: bool = True
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image with its caption; `alt` says what is in it, `uri` is data:."""

    uri: str
    alt: str
    width: int
    height: int
    title: str
    lines: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What to try next: what, why, and a command where there is one."""

    what: str
    why: str
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of a page.

    Attributes:
        id: of its heading, and the name of its template in assets/sections/.
        title: its heading.
        values: what the template shows.
    """

    id: str
    title: str
    values: dict[str, Any] = field(default_factory=dict)


def text_cell(text: object, note: str = "") -> Cell:
    """A cell of words, sorted by them."""
    return Cell(text=str(text), value=str(text).lower(), note=note)


def number_cell(
    value: float | None, form: str = "{:,.0f}", share: float | None = None, note: str = ""
) -> Cell:
    """A cell with a number; a dash where there is none."""
    if value is None:
        return Cell(text=NONE)
    return Cell(text=form.format(value), value=float(value), share=share, note=note)


def percent(share: float | None, digits: int = 1) -> str:
    """`71.3%`; a dash for None."""
    return NONE if share is None else f"{100 * share:.{digits}f}%"


def interval_text(interval: tuple[float, float]) -> str:
    """`66.0 to 76.2%`."""
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}%"
