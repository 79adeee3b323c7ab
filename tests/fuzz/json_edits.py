"""Edits of a manifest's JSON, also into what no JSON writer would write."""

from __future__ import annotations

import json
from typing import Any

from tests.fuzz.damage import Edit

_MARK = '"\\u0001put it here"'


def edited_json(text: str, edit: Edit) -> str:
    """Carries out an edit.

    Args:
        text: sound JSON, or what an earlier edit left of it; then only `text` still works.
        edit: `["text", T]` replaces all; `["nest", N, T]` by N brackets around T; `["set", [key,
            ...], T]` puts T, as it stands, in a value's place; `["drop", [key, ...]]`; `["twice",
            key, T]` writes a key of the whole again.
    """
    what, *rest = edit
    if what == "text":
        return str(rest[0])
    if what == "nest":
        count, kind = rest
        return kind * count if kind != "closed" else "[" * count + "]" * count
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if what == "twice":
        return f"{text.rstrip()[:-1]}, {json.dumps(rest[0])}: {rest[1]}}}"
    *way, last = rest[0]
    inside: Any = values
    try:
        for key in way:
            inside = inside[key]
        if what == "drop":
            del inside[last]
            return json.dumps(values)
        inside[last] = _MARK
    except (KeyError, IndexError, TypeError):
        return text
    return json.dumps(values).replace(json.dumps(_MARK), rest[1])
