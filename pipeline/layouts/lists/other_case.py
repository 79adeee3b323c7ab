"""Entries that spell an image in another case: `A.jpg`, where only `a.jpg` is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headrace.pipeline.layouts.lists.finding import spelled
from headrace.pipeline.layouts.lists.listfiles import ListReading


def without_other_case(readings: Sequence[ListReading]) -> list[ListReading]:
    """Lists of one set without rows that mean an image which others of them spell otherwise.

    A list written under Windows may spell a name as it likes. Where `A.jpg` and `a.jpg` are both
    listed they are two images, and `A.jpg` is not there. Of rows that are left, those in another
    case are told in `line`.
    """
    spellings: dict[str, set[str]] = {}
    for reading in readings:
        for number, path in enumerate(reading.paths):
            if path is not None:
                spellings.setdefault(path, set()).add(spelled(reading.entry(number), path))
    return [_only_so_spelled(reading, spellings) for reading in readings]


def _only_so_spelled(reading: ListReading, spellings: dict[str, set[str]]) -> ListReading:
    paths: list[str | None] = []
    others = []
    for number, path in enumerate(reading.paths):
        entry = "" if path is None else reading.entry(number)
        differs = path is not None and spelled(entry, path) != path
        is_another = differs and len(spellings[path or ""]) > 1
        paths.append(None if is_another else path)
        if differs and not is_another:
            others.append(f"{entry} for {path}")
    line = f"{reading.line}, {len(others)} in another case: {others[0]}" if others else reading.line
    return replace(reading, paths=paths, line=line)
