"""The page of the Python API: every name that `headrace` exports, by its own docstring."""

from __future__ import annotations

import inspect

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
            parts += [f"## {name}", _call(name), f"::: headrace.{home}.{name}"]
    return "\n\n".join(parts) + "\n"


def _call(name: str) -> str:
    """How it is imported and, of a function, called; types stand in the table below."""
    value = getattr(headrace, name)
    lines = [f"from headrace import {name}"]
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        shown = signature.replace(parameters=bare, return_annotation=signature.empty)
        lines += ["", f"{name}{shown}"]
    return "\n".join(["```python", *lines, "```"])
