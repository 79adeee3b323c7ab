"""Sections become one page: HTML with everything in it, which loads nothing and runs nothing else.

Whatever comes from a run (names of classes, files and folders, settings) is escaped by the
templates; that of the plots is JSON in a block that no browser runs, and the page's policy lets no
script run but its own.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import headrace
from headrace.train.reporting import plotting
from headrace.train.reporting.elements import Chart, Section

ASSETS = Path(__file__).parent / "assets"


def render(title: str, subtitle: str, sections: Sequence[Section]) -> bytes:
    """The page, in UTF-8; a byte of a name that is no text comes out as an escape."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typed"] = _typed
    script = (ASSETS / "page.js").read_text("utf-8")
    charts = json.dumps(
        [
            {"id": chart.id, "group": chart.group, "item": chart.item}
            for section in sections
            for chart in charts_of(section.values)
        ],
        allow_nan=False,
        separators=(",", ":"),
    )
    text = environment.get_template("page.html").render(
        title=title,
        subtitle=subtitle,
        sections=sections,
        charts=_within_script(charts),
        style=(ASSETS / "theme.css").read_text("utf-8"),
        library=plotting.library().replace("</script", "<\\/script"),
        script=script,
        # Scripts that anything else brought into the page would not have it.
        nonce=hashlib.sha256(f"{title}{charts}{time.time_ns()}".encode(errors="replace"))
        .hexdigest()[:32],
        version=headrace.__version__,
        made=time.strftime("%Y-%m-%d %H:%M"),
    )  # fmt: skip
    return text.encode("utf-8", "backslashreplace")


def charts_of(values: Any) -> Iterator[Chart]:
    """Every chart among a section's values, in order."""
    if isinstance(values, Chart):
        yield values
    elif isinstance(values, dict):
        for value in values.values():
            yield from charts_of(value)
    elif isinstance(values, list):
        for value in values:
            yield from charts_of(value)


def _within_script(text: str) -> str:
    """JSON that ends no block of a page."""
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _typed(text: str) -> Any:
    """Escaped, and what stands in backticks as code."""
    from markupsafe import Markup, escape

    parts = text.split("`")
    shown = (f"<code>{escape(p)}</code>" if i % 2 else str(escape(p)) for i, p in enumerate(parts))
    return Markup("".join(shown))
