"""Text of parsers and docstrings as Markdown that shows it as it is."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

_SPECIAL = str.maketrans({mark: f"&#{ord(mark)};" for mark in "|*_[]\\~^"})


def plain(text: str) -> str:
    """Words in which nothing is markup but `code` between backticks."""
    parts = re.split(r"`+([^`]+)`+", text)
    return "".join(code(part) if i % 2 else _escaped(part) for i, part in enumerate(parts))


def code(text: str, anchor: str = "") -> str:
    """Code, in a table too, where a row of choices may break; `anchor` is what links lead to."""
    place = f' id="{html.escape(anchor)}"' if anchor else ""
    shown = re.sub(r",(?=\S)", ",<wbr>", _escaped(text))
    return f"<code{place}>{shown}</code>"


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).translate(_SPECIAL).replace("`", "&#96;")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells that are markup already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines)


def docstring(text: str) -> str:
    """A module's docstring: its indented lines are commands, the others paragraphs."""
    parts = []
    for part in re.split(r"\n\s*\n", text.strip()):
        lines = part.splitlines()
        if all(line.startswith("    ") for line in lines):
            rows = "\n".join(line[4:] for line in lines)
            parts.append(f"```text\n{rows}\n```")
        else:
            parts.append(plain(" ".join(lines)))
    return "\n\n".join(parts)
