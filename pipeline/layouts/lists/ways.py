"""Ways to read a list: how well each separator fits, and whether two say different things."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.evidence import weigh
from headrace.pipeline.layouts.lists.spaced_lines import CUTS


class Fit(NamedTuple):
    """How well the best column of some rows names images.

    Attributes:
        share: 0 to 1.
        images: the one that each row names; None where it names none or several, or by a number,
            which may name nothing.
        num_loose: entries that name the same image without their first word.
    """

    share: float
    images: tuple[str | None, ...]
    num_loose: int


FitOf = Callable[[Sequence[Sequence[str]]], Fit]


class Way(NamedTuple):
    """A separator, and how well a sample is read by it, the best evidence first."""

    separator: str
    rows: list[list[str]]
    fit: Fit
    rank: tuple[float, bool, bool, int, int]


def way_of(separator: str, rows: list[list[str]], fit: FitOf) -> Way:
    """How well a sample is read by a separator."""
    found = fit(rows)
    widths = {len(row) for row in rows}
    headed = not fit(rows[:1]).share
    if len(widths) > 1 and headed:
        # A heading: with a space in a title, or without one for the rows' numbers.
        widths = {len(row) for row in rows[1:]}
    regular = len(widths) == 1
    splits = loose = 0
    if separator in CUTS:
        loose = found.num_loose + sum(" " in title for row in rows[:headed] for title in row)
        if regular:
            columns = [weigh(cells) for cells in zip(*rows[len(rows) > 1 :], strict=True)]
            splits = sum(column.kind == "split" and column.num_distinct > 1 for column in columns)
    rank = (round(found.share, 3), regular, separator not in CUTS, splits, -loose)
    return Way(separator, rows, found, rank)


def refuse_other_ways(name: str, best: Way, ways: Sequence[Way]) -> None:
    """Refuses lines that name other images by another separator, or that spaces cut into as many
    cells in two ways.

    `a/my 1.jpg` may be a file, and 1.jpg another one; `1.jpg old | dog | 3` may be
    `1.jpg | old dog | 3`.

    Args:
        name: of the list.
        best: the way that is taken.
        ways: all of them.

    Raises:
        ConfigError: there are such lines.
    """
    for way in ways if best.fit.share else ():
        rivals = (way.separator in CUTS) == (best.separator in CUTS)
        if not rivals or len(way.rows) != len(best.rows):
            continue
        cut_alike = way.separator in CUTS and way.rank == best.rank and way.rank[1]
        named = zip(best.fit.images, way.fit.images, strict=True)
        for one, other, images in zip(best.rows, way.rows, named, strict=True):
            if 2 * way.fit.share > best.fit.share and all(images) and images[0] != images[1]:
                raise ConfigError(
                    f"{name}: a line names {images[0]} by its {best.separator} and {images[1]} by "
                    f"its {way.separator}: put tabs between the columns, or quotes around names"
                )
            if cut_alike and one != other and len(one) == len(other):
                raise ConfigError(
                    f"{name}: a line may be {' | '.join(one)[:80]!r} or "
                    f"{' | '.join(other)[:80]!r}: put tabs between the columns, or quotes around "
                    "what holds spaces"
                )
