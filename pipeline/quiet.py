"""--quiet, of every command: its lines and bars stay away; warnings, errors, files and what was
asked for as JSON do not."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TextIO

FLAG = "--quiet"
QUIET = "HEADRACE_QUIET"
"""Environment variable: 1 is as the flag. Processes that a command starts inherit it."""
ABOUT = f"With {FLAG}, as every command, it shows warnings and errors alone."


def is_quiet() -> bool:
    """Whether lines and bars are to stay away."""
    return os.environ.get(QUIET) == "1"


def without_flag(words: Sequence[str]) -> list[str]:
    """The words of a command line; --quiet among them is taken out and holds from now on."""
    rest = [word for word in words if word != FLAG]
    if len(rest) < len(words):
        os.environ[QUIET] = "1"
    return rest


def asks(words: Sequence[str]) -> bool:
    """Whether a command line is a question, which is answered even by a quiet command."""
    return not {"-h", "--help", "--help-all", "-V", "--version"}.isdisjoint(words)


_silenced: list[TextIO] = []


@contextmanager
def silence() -> Iterator[None]:
    """Meanwhile this process prints nothing on stdout but answers."""
    before = sys.stdout
    with (
        Path(os.devnull).open("w", encoding="utf-8", errors="backslashreplace") as nowhere,
        redirect_stdout(nowhere),
    ):
        _silenced.append(before)
        try:
            yield
        finally:
            _silenced.pop()


def answer(text: str) -> None:
    """Prints what was asked for by a flag of its own, --quiet or not; a full disk is told here."""
    print(text, file=_silenced[0] if _silenced else sys.stdout, flush=True)


def note(text: str) -> None:
    """Says on stderr what is going on; a quiet command does not."""
    if not is_quiet():
        print(text, file=sys.stderr)
