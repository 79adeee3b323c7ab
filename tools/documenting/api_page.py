"""The page of the Python API: every name that `headrace` exports, by its own docstring."""

from __future__ import annotations

import headrace

PLACE = "reference/api.md"


def api_page() -> str:
    """Markdown that mkdocstrings fills in."""
    parts = [
        "# Python API",
        "What `headrace` exports, and nothing else is promised to stay. How they go together is "
        "told in [From Python](../python.md).",
    ]
    for name in headrace.__all__:
        if home := headrace._HOMES.get(name):
            # Its own heading: where a name is defined may change, where it is imported from not.
            parts += [f"## {name}", f"`from headrace import {name}`", f"::: headrace.{home}.{name}"]
    return "\n\n".join(parts) + "\n"
