"""A command's help as data: what its own parser prints, taken apart again.

The parser draws boxes for a terminal and offers no other form that is meant to last.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from headrace.pipeline.command_line import SCRIPTS
from headrace.pipeline.short_help import ALL

_COLUMNS = "100"
"""Wide enough for most lines, and too narrow for two boxes beside each other."""
_TITLE = re.compile(r"╭─ (.*?) ─*╮")
_FLAG = re.compile(r"--?[a-z]")
_DEFAULT = re.compile(r"\s*\((?:default: (?P<value>.*)|(?P<required>required))\)$", re.DOTALL)


@dataclass(kw_only=True)
class Flag:
    """One flag or argument.

    Attributes:
        shown: how it is given, `--size INT`.
        about: what it does; "" where the parser has no word of it.
        default: as the parser shows it; None where it shows none, "required" where it has to be
            given.
    """

    shown: str
    about: str = ""
    default: str | None = None

    @property
    def names(self) -> list[str]:
        """`--pretrained` and `--no-pretrained`, say; of an argument its word."""
        return [part.split()[0] for part in self.shown.split(", ")]


@dataclass(kw_only=True)
class Group:
    """A box of the help: its title, a sentence or two, and flags."""

    title: str
    about: str = ""
    flags: list[Flag] = field(default_factory=list)


@dataclass(kw_only=True)
class Help:
    """All of it: the line of usage, what stands below it, the boxes, and what stands below them."""

    usage: str
    about: str
    groups: list[Group]
    notes: str = ""


def read_help(text: str) -> Help:
    """What a parser has printed.

    Args:
        text: a usage, a text, boxes one below another, and a text.
    """
    head, _, boxes = text.partition("╭")
    boxes, _, notes = boxes.rpartition("╯")
    usage, _, about = head.strip().partition("\n\n")
    groups: list[Group] = []
    for line in f"╭{boxes}".splitlines() if boxes else ():
        if title := _TITLE.match(line):
            groups.append(Group(title=title[1].removesuffix(" options")))
        elif line.startswith("│"):
            _add_row(groups[-1], line.strip("│")[1:].rstrip())
    for group in groups:
        for flag in group.flags:
            _take_default(flag)
    usage = " ".join(usage.split()).removeprefix("usage: ")
    return Help(usage=usage, about=about, groups=groups, notes=" ".join(notes.split()))


def help_of(word: str, *more: str) -> Help:
    """The help of a command, with everything that it can be told.

    Args:
        word: a key of SCRIPTS.
        more: words that choose one of its steps.
    """
    text = printed_help(word, *more, "--help")
    return read_help(printed_help(word, *more, ALL) if ALL in text else text)


def printed_help(word: str, *more: str) -> str:
    """What `headrace WORD MORE...` prints on a terminal of 100 columns.

    Args:
        word: a key of SCRIPTS.
        more: the rest of the command line, of which a help comes.
    """
    module = SCRIPTS[word].removesuffix(".py").replace("/", ".")
    main = importlib.import_module(f"headrace.{module}").main
    screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # boxes are for those who have them
    with called_as(["headrace", *more]), contextlib.redirect_stdout(screen):
        with contextlib.suppress(SystemExit):
            main()
    screen.seek(0)
    return screen.read()


@contextlib.contextmanager
def called_as(words: list[str]) -> Iterator[None]:
    """A command line in the place of this process' own, on a terminal of 100 columns."""
    before, width = sys.argv, os.environ.get("COLUMNS")
    sys.argv, os.environ["COLUMNS"] = words, _COLUMNS
    try:
        yield
    finally:
        sys.argv = before
        os.environ.pop("COLUMNS")
        if width is not None:
            os.environ["COLUMNS"] = width


def _add_row(group: Group, row: str) -> None:
    """One line of a box: a rule, a flag's beginning, or more of what stands above it."""
    if not row.strip("─ "):
        return
    if not row.startswith(" ") and (group.title == "positional arguments" or _FLAG.match(row)):
        shown, _, about = row.partition("  ")
        group.flags.append(Flag(shown=shown, about=about.strip()))
    elif not group.flags:
        group.about = f"{group.about} {row.strip()}".strip()
    elif row.startswith(" "):
        flag = group.flags[-1]
        flag.about = f"{flag.about} {row.strip()}".strip()
    else:  # a long list of choices goes on at the edge
        group.flags[-1].shown += row.strip()


def _take_default(flag: Flag) -> None:
    if found := _DEFAULT.search(flag.about):
        flag.about = flag.about[: found.start()]
        flag.default = "required" if found["required"] else found["value"]
