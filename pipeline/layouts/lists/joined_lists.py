"""Joins lists that speak of images by a number which another list explains.

CUB-200-2011 and NABirds are published so: `images.txt` (number, path), `image_class_labels.txt`
(number, class), `train_test_split.txt` (number, 1 for training).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.lists.listfiles import ListReading
from headrace.pipeline.layouts.lists.split_column import choose_splits
from headrace.pipeline.layouts.text_files import read_text


def join_lists(
    readings: Sequence[ListReading], others: Sequence[Path], config: LayoutConfig
) -> tuple[list[ListReading], list[Path]]:
    """Adds what other lists say to the lists that name images.

    Args:
        readings: lists that name images.
        others: lists that name none.
        config: with the columns that the user gave.

    Returns:
        the lists, each with a column more for each list that it explains, called as that list, and
        the lists that were joined.

    Raises:
        ConfigError: see `choose_splits`.
    """
    result = list(readings)
    used = []
    for path in others:
        pairs = _pairs(path, config.encoding)
        for i, reading in enumerate(result):
            column = _key_column(reading, pairs)
            if column is None:
                continue
            table = reading.table
            heading = (*(table.heading or ("",) * table.width), path.stem)
            rows = [[*row, pairs[row[column]]] for row in table.rows]
            result[i] = replace(
                reading,
                table=replace(table, heading=heading, rows=rows),
                key_columns=(*reading.key_columns, column),
                line=f"{reading.line}, joined with {path.name} by {table.title(column)}",
            )
            used.append(path)
    for i, reading in enumerate(result):
        if reading.key_columns:
            taken = {reading.path_column, *reading.key_columns}
            splits = choose_splits(reading.table, taken, config.split_column)
            result[i] = replace(reading, splits=splits)
    return result, used


def _pairs(path: Path, encoding: str | None) -> dict[str, str]:
    """Key to value of a list of two columns; empty where it is none, or a key comes twice."""
    try:
        lines = read_text(path, encoding)[0].splitlines()
    except ConfigError:
        return {}
    rows = [line.replace(",", " ").split() for line in lines if line.strip()]
    if any(len(row) != 2 for row in rows):
        return {}
    pairs = {row[0]: row[1] for row in rows}
    return pairs if len(pairs) == len(rows) else {}


def _key_column(reading: ListReading, pairs: dict[str, str]) -> int | None:
    """The column beside the paths, if there is but one and its cells are just the keys."""
    if reading.table.width - len(reading.key_columns) != 2:
        return None
    column = 1 - reading.path_column
    cells = reading.table.cells(column)
    fits = len(cells) == len(pairs) > 1 and set(cells) == pairs.keys()
    return column if fits else None
