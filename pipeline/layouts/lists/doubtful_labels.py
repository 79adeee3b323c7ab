"""What speaks against a column of labels though its heading and cells fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from headrace.pipeline.layouts.lists.evidence import Evidence, is_integer
from headrace.pipeline.layouts.lists.headings import is_other_heading, speaks_of_labels
from headrace.pipeline.layouts.lists.spaced_lines import CUTS
from headrace.pipeline.layouts.lists.tables import Table

_MANY_NUMBERS = 30  # more whole numbers under a heading that tells nothing may be measurements


def doubt_of_lone_column(
    table: Table, likely: Sequence[int], free: Sequence[int], evidence: dict[int, Evidence]
) -> str | None:
    """Why the only column left may be no label: its heading says so, or nothing comes twice."""
    if len(likely) != 1:
        return None
    column = likely[0]
    beside = [c for c in free if c != column and evidence[c].kind not in ("empty", "split")]
    unique = evidence[column].num_distinct == evidence[column].num_filled > 1
    same = [c for c in beside if evidence[c].kind == "constant" and evidence[c].num_filled > 1]
    same = [c for c in same if not is_other_heading(table, c)]
    found = evidence[column]
    measured = found.kind == "integers" and found.num_distinct > _MANY_NUMBERS
    # Scores with a column of who gave them: what is to be learnt may be the scores.
    measured |= any(evidence[c].kind == "numbers" for c in beside)
    if is_other_heading(table, column) or (unique and beside) or same or measured:
        return (
            f"{table.name}: is {table.title(column)} the label ({evidence[column].figures()})? say "
            f"--label-column {table.title(column).removeprefix('number ')}, or another column"
        )
    return None


def corrected_labels(table: Table, best: int, likely: Sequence[int]) -> list[int]:
    """Columns such as `label_corrected` that hold the same classes, and not in the same rows."""
    cells = table.cells(best)
    classes = set(cells) - {""}
    return [
        column
        for column in likely
        if column != best
        and speaks_of_labels(table, column)
        and set(others := table.cells(column)) - {""} == classes
        and others != cells
    ]


def cut_off_labels(table: Table, best: int) -> str | None:
    """Why the last column is doubtful: rows go on behind it, as after an unquoted comma."""
    titles = [title.strip() for title in table.heading or ()]
    width = max((i for i, title in enumerate(titles, 1) if title), default=0)
    if not width or best != width - 1 or table.width == width:
        return None
    number, row = next(((i, r) for i, r in enumerate(table.rows, 1) if r[width]), (0, []))
    if not number:
        return None
    return (
        f"{table.name}: row {number} goes on behind the last heading ({row[best]!r}, then "
        f"{row[width]!r}): put quotes around labels that hold separators, or say --label-column "
        f"{table.title(best)} if what follows is none"
    )


def glued_labels(table: Table, best: int) -> str | None:
    """Why labels that hold spaces are doubtful where spaces part columns: each begins or ends with
    a number or a word that comes with others, too, which may be another column's."""
    cells = [cell.split() for cell in table.cells(best) if cell]
    if table.separator not in CUTS or all(len(words) < 2 for words in cells):
        return None
    for place, side in ((0, "begins"), (-1, "ends")):
        numbers = {words[place] for words in cells}
        if len(numbers) > 1 and all(map(is_integer, numbers)):
            return _glued(table, best, f"{side} with a number", cells[0])
    for cut, side in ((1, "begins"), (-1, "ends")):
        pairs = {(" ".join(words[:cut]), " ".join(words[cut:])) for words in cells}
        firsts, lasts = (Counter(pair[i] for pair in pairs) for i in (0, 1))
        if all(map(all, pairs)) and min(*firsts.values(), *lasts.values()) > 1:
            how = f"{side} with a word that others do, whose rest is that of others"
            return _glued(table, best, how, cells[0])
    return None


def _glued(table: Table, column: int, how: str, words: Sequence[str]) -> str:
    title = table.title(column)
    return (
        f"{table.name}: each label in {title} {how}, as {' '.join(words)!r}: say --label-column "
        f"{title.removeprefix('number ')} if it is a part of the label, else put tabs between the "
        "columns"
    )
