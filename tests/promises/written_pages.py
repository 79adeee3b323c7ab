"""What stands in the pages that are written by hand: their links, headings, commands and flags."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headrace.pipeline.command_line import SCRIPTS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_WORDS = {script: word for word, script in SCRIPTS.items()}
_CODE = re.compile(r"^```.*?^```|(?:^ {4,}\S.*\n?)+", re.MULTILINE | re.DOTALL)
_LAUNCHERS = ("torchrun", "python", "pipx", "uvx", "docker")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command as a page has it.

    Attributes:
        page: where it stands.
        word: which one it is, a key of SCRIPTS.
        words: what stands behind it.
    """

    page: Path
    word: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.word} {shlex.join(self.words)}"


def links(page: Path) -> list[tuple[str, str]]:
    """(file, heading) of every link to a page of ours; either may be empty."""
    prose = re.sub(r"`[^`\n]*`", "", _CODE.sub("", page.read_text(encoding="utf-8")))
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    found = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [(target.partition("#")[0], target.partition("#")[2]) for target in found]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of a page is called."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", head) for head in heads)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in plain}


def commands(page: Path) -> Iterator[Command]:
    """Those of our commands that stand in a page's code, and above its tables of results."""
    text = page.read_text(encoding="utf-8")
    blocks = [found[0].replace("\\\n", " ") for found in _CODE.finditer(text)]
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    lines += re.findall(r"^`(bench/[^`]*)`$", text, re.MULTILINE)
    for line in lines:
        said = re.split(r" {3,}(?=[a-z])|  +#|\s+# ", line)[0]  # what is said of it stands behind
        said = re.sub(r"^(?:[A-Z_]+=\S* )+", "", said)  # what is set for the command alone
        left_open = "..." in said or re.search(r" [A-Z]( |$)", said)
        if left_open or said.split(" ")[0] not in (*_LAUNCHERS, "headrace", *_WORDS):
            continue
        if found := _ours(shlex.split(said)):
            yield Command(page=page, word=found[0], words=found[1])


def blocks(page: Path, language: str) -> list[str]:
    """The code of a page that says which language it is of."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _ours(words: list[str]) -> tuple[str, tuple[str, ...]] | None:
    """The command and its flags, of a line that may begin with what starts it."""
    for place, word in enumerate(words):
        if word in _WORDS:
            return _WORDS[word], tuple(words[place + 1 :])
        if word == "headrace":
            rest = words[place + 1 :]
            count = 2 if rest[:1] == ["bench"] else 1
            named = " ".join(rest[:count])
            return (named, tuple(rest[count:])) if named in SCRIPTS else None
    return None


def flags(page: Path) -> set[str]:
    """Every flag that stands between backticks in a page's prose."""
    prose = _CODE.sub("", page.read_text(encoding="utf-8"))
    if page.parent.name == "migrate":  # tables whose first column is another program's
        prose = re.sub(r"^\| [^|]* \|", "", prose, flags=re.MULTILINE)
    spans = re.findall(r"`([^`]+)`", prose)
    return {flag for span in spans for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", span)}
