"""Labels that stand before boxes, as in ImageNet's LOC_val_solution.csv.

A cell holds a class and four numbers for each box, `n01440764 111 108 405 362`. Where all boxes of
an image are of one class, that is its label. Source of the format:
https://www.kaggle.com/c/imagenet-object-localization-challenge/data
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.tables import Table

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")
_IN_BOX = 5


def with_classes_of_boxes(
    table: Table, columns: Collection[int], known: Collection[str], entry: Callable[[int], str]
) -> tuple[Table, frozenset[int]]:
    """The table with a class alone in each cell of the columns that hold boxes.

    A column does if each filled cell is a row of boxes, and one class at least is a folder's name.

    Args:
        table: without its heading row.
        columns: that may hold labels.
        known: class names that folders tell; a number tells no class from a box.
        entry: what a row names, for a message.

    Returns:
        the table, and the columns.

    Raises:
        ConfigError: boxes of one image are of several classes.
    """
    words = {name for name in known if not _NUMBER.fullmatch(name)}
    classes: dict[int, list[list[str]]] = {}
    for column in columns if words else ():
        found: list[list[str]] = []
        for cell in table.cells(column):
            names = _classes(cell)
            if names is None:
                break
            found.append(names)
        else:
            if not words.isdisjoint(name for names in found for name in names):
                classes[column] = found
    if not classes:
        return table, frozenset()
    rows = [list(row) for row in table.rows]
    for column, found in classes.items():
        for number, names in enumerate(found):
            if len(names) > 1:
                raise ConfigError(
                    f"{table.name}: the boxes of {entry(number)} are of several classes "
                    f"({', '.join(names[:3])}), and an image has one label here; leave one class "
                    "in that row or take the row away, or say --layout classes to read no list"
                )
            rows[number][column] = names[0] if names else ""
    return replace(table, rows=rows), frozenset(classes)


def _classes(cell: str) -> list[str] | None:
    """The different classes of a cell's boxes, none of an empty one; None where it is no boxes."""
    parts = cell.split()
    names = parts[::_IN_BOX]
    numbers = [part for place, part in enumerate(parts) if place % _IN_BOX]
    if len(parts) % _IN_BOX or any(map(_NUMBER.fullmatch, names)):
        return None
    return list(dict.fromkeys(names)) if all(map(_NUMBER.fullmatch, numbers)) else None
