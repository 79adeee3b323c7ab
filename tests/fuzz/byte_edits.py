"""Edits of any file's bytes::

["flip", REGION, SHARE, BIT]        one bit, so far into a region
["write", REGION, SHARE, HEX]       some bytes
["cut", REGION, SHARE]              the end of the file is there
["cut by", N], ["grow", N]          N bytes are missing, or zeros too many
["move", REGION, REGION]            what is in the one is written over the other's beginning
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tests.fuzz.damage import Edit


class Region(NamedTuple):
    """A part of a file, in bytes."""

    start: int
    size: int


def number_at(number: object, there: int, regions: Mapping[str, Region], num_bytes: int) -> int:
    """What a number of an edit means; see damage.py.

    Args:
        there: what stands there now.
        num_bytes: of the file; `["near", "end", d]` counts from there.
    """
    if isinstance(number, int):
        return number
    assert isinstance(number, list)
    if number[0] == "plus":
        return there + int(number[1])
    start = regions[number[1]].start if number[1] in regions else num_bytes
    return start + int(number[2])


def edit_bytes(data: bytearray, regions: Mapping[str, Region], edit: Edit) -> None:
    """Carries out an edit; does nothing where the region is not there."""
    what, *rest = edit
    if what == "grow":
        data.extend(bytes(rest[0]))
    elif what == "cut by":
        del data[max(0, len(data) - rest[0]) :]
    elif what == "move":
        source, target = (regions.get(name, Region(0, 0)) for name in rest)
        part = data[source.start : source.start + source.size]
        data[target.start : target.start + len(part)] = part
    else:
        region, share, *rest = rest
        start, size = regions.get(region, Region(0, len(data)))
        place = min(start + int(share * size), len(data) - 1)
        if place < 0:
            return
        if what == "cut":
            del data[place:]
        elif what == "flip":
            data[place] ^= 1 << rest[0]
        else:
            assert what == "write", edit
            new = bytes.fromhex(rest[0])[: len(data) - place]
            data[place : place + len(new)] = new
