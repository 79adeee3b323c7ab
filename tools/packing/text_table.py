"""Lines and columns for a terminal: cut or wrapped to its width, whole where there is none."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

_NARROWEST, _WIDEST = 80, 120
_SHORTEST = 16
_COLUMN = 15


def terminal_width() -> int | None:
    """Columns of the terminal that standard output is; None for a file or a pipe, whose reader
    wants every line whole."""
    if not sys.stdout.isatty():
        return None
    return min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)


def wrapped(text: str, width: int | None, indent: int, hang: int = 2) -> list[str]:
    """A sentence behind `indent` spaces, its further lines `hang` deeper."""
    if width is None:
        return [" " * indent + text]
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_on_hyphens=False,
    )


def titled(title: str, lines: Sequence[str], width: int | None) -> list[str]:
    """Sentences in a column of their own, the title before the first; indented ones stay so."""
    found = []
    for text in lines:
        hang = 2 + len(text) - len(text.lstrip())
        found += wrapped(text, width, _COLUMN, hang)
    if found:
        found[0] = f"  {title}".ljust(_COLUMN) + found[0][_COLUMN:]
    return found


def shortened(name: str, width: int) -> str:
    """A path cut to `width` characters; its end, which tells more, stays."""
    return name if len(name) <= width else "..." + name[len(name) - width + 3 :]


def cut_in_the_middle(name: str, width: int) -> str:
    """A class name cut to `width` characters; both ends stay."""
    if len(name) <= width:
        return name
    end = (width - 3) // 2
    return f"{name[: width - 3 - end]}...{name[-end:]}"


def joined(names: Sequence[str], room: int | None, count: int, *, more: bool = True) -> str:
    """As many of some names as fit, at least one, which is cut where it has to be.

    Args:
        names: to show.
        room: in characters, None for any.
        count: how many there are in all.
        more: say how many are not shown.
    """
    shown = list(names)
    while True:
        hidden = count - len(shown)
        tail = f" and {hidden} more" if hidden and more else ""
        text = ", ".join(shown) + tail
        if room is None or len(text) <= room or not shown:
            return text
        if len(shown) == 1:
            return shortened(shown[0], max(room - len(tail), _SHORTEST)) + tail
        shown.pop()


def aligned(rows: Sequence[Sequence[str]], rest: Sequence[str]) -> list[str]:
    """Columns two spaces apart, behind two: the first to the left, the others to the right.

    Args:
        rows: cells.
        rest: what stands behind the cells of each row, to the left.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row, end in zip(rows, rest, strict=True):
        numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(["  " + row[0].ljust(widths[0]), *numbers, end]).rstrip())
    return lines


def size_text(num_bytes: float) -> str:
    """Bytes for people: 12.3 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 1000:
            return f"{num_bytes:.0f} B" if unit == "B" else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.1f} TB"
