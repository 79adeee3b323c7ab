"""What a list's column looks like, whatever it is called: a label, an index, a split, a number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from headrace.pipeline.layouts.split_words import split_cell

Kind = Literal["empty", "constant", "split", "flag", "index", "integers", "numbers", "words"]
_INTEGER = re.compile(r"[+-]?[0-9]+(\.0+)?")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FLAGS = ({"0", "1"}, {"0.0", "1.0"}, {"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
FLAG_CELLS = frozenset().union(*_FLAGS)
TRUE = frozenset(("1", "1.0", "true", "yes", "t", "y"))
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the cells of a column show.

    Attributes:
        kind: `flag` has two values such as 0 and 1, `index` counts up, `numbers` has fractions.
        num_filled: cells that are not empty.
        num_distinct: different values.
        examples: the most frequent ones.
    """

    kind: Kind
    num_filled: int
    num_distinct: int
    examples: tuple[str, ...]

    @property
    def is_unique(self) -> bool:
        """Whether no value comes twice, in more than a few rows."""
        return self.num_filled > 8 and self.num_distinct > 0.9 * self.num_filled

    def figures(self) -> str:
        """For a message."""
        shown = ", ".join(example[:30] for example in self.examples)
        more = ", ..." if self.num_distinct > len(self.examples) else ""
        values = "1 value" if self.num_distinct == 1 else f"{self.num_distinct} values"
        return f"{values} in {self.num_filled} rows: {shown}{more}"


def weigh(cells: Sequence[str]) -> Evidence:
    """Looks at a column."""
    counts = Counter(cell.strip() for cell in cells)
    counts.pop("", None)
    filled = sum(counts.values())
    return Evidence(
        kind=_kind(counts, cells),
        num_filled=filled,
        num_distinct=len(counts),
        examples=tuple(value for value, _ in counts.most_common(_SHOWN)),
    )


def is_integer(cell: str) -> bool:
    """Whether a cell holds a whole number, also as pandas writes it beside empty cells: 3.0."""
    return bool(_INTEGER.fullmatch(cell.strip()))


def as_integer(cell: str) -> int:
    return int(cell.strip().partition(".")[0])


def _kind(counts: Counter[str], cells: Sequence[str]) -> Kind:
    if not counts:
        return "empty"
    if len(counts) < 50 and all(split_cell(value) for value in counts):
        return "split"
    whole = all(_INTEGER.fullmatch(value) for value in counts)
    if not whole and all(_NUMBER.fullmatch(value) for value in counts):
        return "numbers"
    if len(counts) == 1:
        return "constant"
    if {value.lower() for value in counts} in _FLAGS:
        return "flag"
    if whole:
        return "index" if _counts_up(counts, cells) else "integers"
    return "words"


def _counts_up(counts: Counter[str], cells: Sequence[str]) -> bool:
    """Whether the numbers are a range, each once, in order: 0, 1, 2, ..."""
    if len(counts) != len(cells) or len(cells) < 2:
        return False
    numbers = [as_integer(cell) for cell in cells]
    return all(b - a == 1 for a, b in pairwise(numbers))
