"""What MkDocs calls while it builds the site: adds the pages that are made of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from headrace.pipeline.command_line import SCRIPTS
from headrace.tools.documenting.api_page import PLACE as API
from headrace.tools.documenting.api_page import api_page
from headrace.tools.documenting.command_pages import FOLDER, command_pages, page_of
from headrace.tools.documenting.setting_pages import PLACE as SETTINGS
from headrace.tools.documenting.setting_pages import setting_page

ROOT = Path(__file__).resolve().parents[2]
COPIES = {"CHANGELOG.md": "project/changelog.md", "CONTRIBUTING.md": "project/contributing.md"}
"""Pages that stand outside docs/, where everyone looks for them, and their place in the site."""

_FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")


def made_pages() -> dict[str, str]:
    """Place below docs/ to Markdown, of every page that no file there holds."""
    pages = command_pages()
    pages |= {SETTINGS: setting_page(), API: api_page()}
    for name, place in COPIES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        pages[place] = text.replace("](docs/", "](../")
    return pages


def on_config(config: Any) -> Any:
    """Puts every command into the navigation, where its folder is named."""
    pages = [page_of(word) for word in SCRIPTS]
    for section in config.nav:
        for items in section.values() if isinstance(section, dict) else ():
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict) and item.get("Commands") == [f"{FOLDER}/index.md"]:
                    item["Commands"] += pages
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> None:
    """Leaves room for two pieces of code beside each other."""
    if page.file.src_uri.startswith("migrate/"):
        page.meta["hide"] = ["toc"]


def on_page_content(html: str, **_: Any) -> str:
    """Keeps flags whole where a line ends; a browser would break them after any hyphen."""
    return unbroken_flags(html)


def unbroken_flags(html: str) -> str:
    """HTML with each `--flag` of its text in a span that the style sheet does not break."""
    parts = re.split(r"(<[^>]*>)", html)
    parts[::2] = [_FLAG.sub(r'<span class="flag">\g<0></span>', part) for part in parts[::2]]
    return "".join(parts)


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages."""
    from mkdocs.structure.files import File

    for place, text in made_pages().items():
        files.append(File.generated(config, place, content=text))
    return files
