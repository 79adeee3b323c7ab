"""Entries that spell an image in another case: `A.jpg`, where only `a.jpg` is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    in_another = []
    for reading in readings:
        rows = []
        for number, path in enumerate(reading.paths):
            if path is not None:
                found = spelled(reading.entry(number), path)
                spellings.setdefault(path, set()).add(found)
                if found != path:
                    rows.append(number)
        in_another.append(rows)
    return [_without(*each, spellings) for each in zip(readings, in_another, strict=True)]


def _without(
    reading: ListReading, in_another: Sequence[int], spellings: Mapping[str, set[str]]
) -> ListReading:
    """A list, of whose rows in another case those mean no image that is also spelled otherwise."""
    paths = list(reading.paths)
    others = []
    for number in in_another:
        path = paths[number]
        if len(spellings[path or ""]) > 1:
            paths[number] = None
        else:
            others.append(f"{reading.entry(number)} for {path}")
    line = f"{reading.line}, {len(others)} in another case: {others[0]}" if others else reading.line
    return replace(reading, paths=paths, line=line)
