"""The pages of the commands: each says what the command's own parser says."""

from __future__ import annotations

import importlib
import inspect
import re

from headrace.__main__ import ABOUT
from headrace.pipeline.command_line import SCRIPTS
from headrace.tools.documenting.help_text import Flag, Help, help_of
from headrace.tools.documenting.markup import code, docstring, plain, table

FOLDER = "reference/commands"
STEPS = {"generate": ("fit", "draw", "judge")}
"""Commands that have parsers of their own for what stands behind their name."""


def page_of(word: str) -> str:
    """Where a command's page lies, below docs/.

    Args:
        word: a key of SCRIPTS.
    """
    return f"{FOLDER}/{word.replace(' ', '-')}.md"


def command_pages() -> dict[str, str]:
    """Place below docs/ to Markdown, of every command and of their list."""
    pages = {page_of(word): _page(word) for word in SCRIPTS}
    rows = [
        [f"[headrace {word}]({page_of(word).rpartition('/')[2]})", plain(ABOUT[word])]
        for word in SCRIPTS
    ]
    pages[f"{FOLDER}/index.md"] = (
        "# Commands\n\nEvery flag below is told by the command's own parser while this site is "
        "built; `headrace COMMAND --help` says the same. In a checkout the script of a command "
        f"does what the command does.\n\n{table(['command', 'what it does'], rows)}\n"
    )
    return pages


def _page(word: str) -> str:
    script = SCRIPTS[word]
    module = importlib.import_module(f"headrace.{script.removesuffix('.py').replace('/', '.')}")
    about = _as_installed(inspect.getdoc(module) or "")
    parts = [f"# headrace {word}", docstring(about), f"In a checkout: `{script}`."]
    if word in STEPS:
        for step in STEPS[word]:
            parts += [f"## headrace {word} {step}", *_sections(help_of(word, step), step, "###")]
    else:
        parts += _sections(help_of(word), "", "##")
    return "\n\n".join(parts) + "\n"


def _sections(help_: Help, step: str, level: str) -> list[str]:
    """A command's usage, and a table for each box of its help."""
    parts = [f"```text\n{help_.usage}\n```", plain(help_.about)]
    for group in help_.groups:
        rows = [_row(flag, step) for flag in group.flags if "--help" not in flag.names]
        if rows:
            heading = group.title[0].upper() + group.title[1:]
            parts += [f"{level} {heading}", plain(group.about)]
            parts.append(table(["", "what it does", "default"], rows))
    parts.append(plain(help_.notes))
    return [part for part in parts if part]


def _row(flag: Flag, step: str) -> list[str]:
    anchor = f"{step}{flag.names[0]}" if step else flag.names[0]
    default = "" if flag.default is None else code(flag.default) if flag.default else "empty"
    if flag.default == "required":
        default = "has to be given"
    return [code(flag.shown, anchor), plain(flag.about), default]


def _as_installed(text: str) -> str:
    """Commands of a checkout, `tools/pack.py`, as they are called where they are installed."""
    for word, script in SCRIPTS.items():
        text = re.sub(rf"(?m)^    {re.escape(script)}(?= )", f"    headrace {word}", text)
        started = rf"(?m)^(    torchrun .*?){re.escape(script)}(?= )"
        text = re.sub(started, rf"\1-m headrace {word}", text)
    return text
