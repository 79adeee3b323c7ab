"""A report's HTML taken apart, without a browser."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = frozenset("meta link img input br".split())


@dataclass
class Page(HTMLParser):
    """What is in a page: tags with their attributes, in order, and the text of some of them.

    Attributes:
        tags: (name, attributes) of each.
        texts: text outside of style and script, in pieces.
        scripts: text of each script block, by its place.
    """

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts[-1] += data
        elif not self._open or self._open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def having(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every tag of a name."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def sections(self) -> list[str | None]:
        return [attributes["id"] for attributes in self.having("section")]

    @property
    def charts(self) -> dict[str, Any]:
        return {chart["id"]: chart for chart in json.loads(self.scripts[0])}


def parsed(page: bytes) -> Page:
    """A page, whose every tag has to be closed."""
    found = Page()
    found.feed(page.decode("utf-8"))
    found.close()
    assert not found._open
    return found
