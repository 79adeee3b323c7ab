"""Cuts lines at spaces: at each, or only before and behind one cell that holds spaces itself."""

from __future__ import annotations

import re

CUTS: dict[str, tuple[int, int] | None] = {
    "spaces": None,
    "last space": (0, 1),
    "first space": (1, 0),
    "first and last space": (1, 1),
    "last two spaces": (0, 2),
    "first two spaces": (2, 0),
    "first and last two spaces": (1, 2),
    "first two and last space": (2, 1),
    "last three spaces": (0, 3),
    "first three spaces": (3, 0),
    "lines": (0, 0),
}
"""How many words are cells of their own before and behind the cell that may hold spaces; None: each
word is."""

# Within quotes a space separates nothing; an apostrophe or inch mark inside a word is none.
_QUOTED = re.compile(r"""(?:"(?:[^"]|"")*"|'(?:[^']|'')*')(?!\S)""")
_WORD = re.compile(rf"(?<!\S)(?:{_QUOTED.pattern}|\S+)")


def occurs(line: str, cut: str) -> bool:
    """Whether a line has words enough for a cut, quotes aside."""
    return len(line.split()) > sum(CUTS[cut] or (0, 1))


def cells_of(line: str, cut: str) -> list[str]:
    """The cells of a line, without quotes; a single one where it has too few words."""
    if cut != "lines":
        line = _unquoted(line.strip())  # the whole of it may stand in quotes
    words = list(_WORD.finditer(line))
    before, behind = CUTS[cut] or (len(words), 0)
    if len(words) <= before + behind and CUTS[cut] is not None:
        cells = [line]
    else:
        last = len(words) - behind
        middle = [line[words[before].start() : words[last - 1].end()]] if before < last else []
        cells = [w[0] for w in words[:before]] + middle + [w[0] for w in words[last:]]
    return [_unquoted(cell.strip()) for cell in cells]


def _unquoted(cell: str) -> str:
    """A cell without the quotes that it begins and ends with, of which two inside stand for one."""
    if not _QUOTED.fullmatch(cell):
        return cell
    mark = cell[0]
    return cell[1:-1].replace(2 * mark, mark).strip()


def mend_heading(rows: list[list[str]]) -> None:
    """Puts a heading right that has fewer or more words than there are columns.

    R's write.table leaves out the title of the rows' numbers. Where a title holds a space, or is
    empty, nobody can tell which title is which column's, and the heading is taken away.
    """
    if len(rows) < 3 or len({len(row) for row in rows[1:]}) > 1 or len(rows[0]) == len(rows[1]):
        return
    numbers = [row[0] for row in rows[1:]]
    counted = numbers in ([str(i + start) for i in range(len(numbers))] for start in (0, 1))
    if counted and len(rows[0]) == len(rows[1]) - 1:
        rows[0].insert(0, "")
    else:
        del rows[0]
