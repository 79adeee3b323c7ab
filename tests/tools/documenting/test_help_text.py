"""A help that the parser drew is read without loss."""

from __future__ import annotations

import dataclasses

import pytest

from headrace.pipeline.command_line import SCRIPTS
from headrace.tools.documenting import markup
from headrace.tools.documenting.command_pages import STEPS, command_pages, page_of
from headrace.tools.documenting.help_text import help_of, read_help
from headrace.tools.documenting.site_hook import unbroken_flags

TEXT = """usage: headrace x [-h] [OPTIONS] SRC

Does something.

╭─ positional arguments ───────────────────────────╮
│ SRC         Where from. (required)               │
╰──────────────────────────────────────────────────╯
╭─ crop options ───────────────────────────────────╮
│ How it is                                        │
│ cut.                                             │
│ ──────────────────────────────────────────────── │
│ -h, --help  show this help message and exit      │
│ --size {None}|INT|{INT INT}                      │
│             A side, or height and width, of what │
│             comes out. (default: None)           │
│ --mode {random-resized,padded,centre,squash,     │
│ letterbox}                                       │
│             How. (default: )                     │
│ --force     Replace it.                          │
╰──────────────────────────────────────────────────╯
Numbers are finite. With
--quiet it is quiet.
"""


def test_boxes_become_flags() -> None:
    found = read_help(TEXT)
    assert found.usage == "headrace x [-h] [OPTIONS] SRC"
    assert found.about == "Does something."
    assert found.notes == "Numbers are finite. With --quiet it is quiet."
    first, crop = found.groups
    assert [dataclasses.astuple(flag) for flag in first.flags] == [
        ("SRC", "Where from.", "required")
    ]
    assert (crop.title, crop.about) == ("crop", "How it is cut.")
    assert [dataclasses.astuple(flag) for flag in crop.flags] == [
        ("-h, --help", "show this help message and exit", None),
        ("--size {None}|INT|{INT INT}", "A side, or height and width, of what comes out.", "None"),
        ("--mode {random-resized,padded,centre,squash,letterbox}", "How.", ""),
        ("--force", "Replace it.", None),
    ]
    assert crop.flags[0].names == ["-h", "--help"]


@pytest.mark.parametrize("word", SCRIPTS)
def test_every_command_has_a_help_that_is_read(word: str) -> None:
    for step in STEPS.get(word, ("",)):
        found = help_of(word, *([step] if step else []))
        named = f"headrace {word} {step}".strip()
        assert found.usage.startswith(named) and found.about
        assert found.groups and all(group.flags for group in found.groups)
        assert all(flag.names[0][0] in "-ABCDEFGHIJKLMNOPQRSTUVWXYZ[{" for group in found.groups
                   for flag in group.flags)  # fmt: skip


def test_all_flags_of_a_command_are_there() -> None:
    from headrace.pipeline.flat_settings import flag_of, setting_types
    from headrace.train.settings.config import RunConfig

    names = {name for group in help_of("train").groups for f in group.flags for name in f.names}
    assert set(map(flag_of, setting_types(RunConfig))) <= names


def test_markup_shows_text_as_it_is() -> None:
    assert markup.plain("fold*-fold2, a_b, `x|y` <z>") == (
        "fold&#42;-fold2, a&#95;b, <code>x&#124;y</code> &lt;z&gt;"
    )
    assert markup.code("--by {a,b,…}, c", "by") == (
        '<code id="by">--by {a,<wbr>b,<wbr>…}, c</code>'
    )
    assert markup.docstring("One\nline.\n\n    a b   c\n    d\n") == (
        "One line.\n\n```text\na b   c\nd\n```"
    )
    assert markup.table(["a", "b"], [["1", "2\n3"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 3 |"


def test_pages_name_the_commands_as_they_are_installed() -> None:
    page = command_pages()[page_of("train")]
    assert "headrace train --data food11.beton --folds 5" in page
    assert "torchrun --nproc-per-node 4 -m headrace train --data" in page
    assert '<code id="--batch-size">--batch-size INT</code>' in page
    assert '<code id="--split-seed">' in page  # of --help-all


def test_flags_do_not_break_and_links_stay() -> None:
    html = '<a href="x.html#--size">say --size 4, a--b</a> <!-- c -->'
    assert unbroken_flags(html) == (
        '<a href="x.html#--size">say <span class="flag">--size</span> 4, a--b</a> <!-- c -->'
    )
