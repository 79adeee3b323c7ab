"""What docs/troubleshooting.md quotes is what the code says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from tests.source_code import parsed

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
GAP = "\0"
"""Stands in a message for what is filled in."""


@cache
def messages() -> list[str]:
    """Every text of the code, with GAP for each value that is put into it."""
    found = []
    for folder in ("pipeline", "augment", "train", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (
                        value.value if isinstance(value, ast.Constant) else GAP
                        for value in node.values
                    )
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return found


def quoted() -> list[str]:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    return [row.split("`")[1] for row in rows]


def test_every_complaint_is_one_of_the_codes_own() -> None:
    unknown = []
    for quote in quoted():
        pattern = re.compile(".*".join(map(re.escape, quote.split("..."))), re.DOTALL)
        if not any(pattern.search(message) for message in messages()):
            unknown.append(quote)
    assert len(quoted()) > 30
    assert not unknown
