"""What a help says of one flag: its words, which values it takes, and its default.

A parser shows what it takes, `--size {None}|INT|{INT INT}` with `(default: None)`; what is shown
here is for people.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import tyro

from headrace.pipeline.wording import one_line

_SILENT = ("", "''", "None")
"""Defaults of which a flag's own words say what they do."""
_METAVARS: dict[Any, str] = {int | tuple[int, int]: "PX [PX]"}


def shown_hint(kind: type, name: str) -> Any:
    """A field's type with what a help is to show of it.

    Args:
        kind: the dataclass.
        name: its field. What its own annotation says of its flag goes before what is said here.
    """
    hint, *own = _unwrapped(get_type_hints(kind, include_extras=True)[name])
    bare = [part for part in get_args(hint) if part is not type(None)]
    metavar = next(
        (word for key, word in _METAVARS.items() if set(get_args(key)) == set(bare)), None
    )
    ours = tyro.conf.arg(
        help=field_help(kind, name), help_behavior_hint=default_hint, metavar=metavar
    )
    return Annotated[(hint, ours, *own)]


def _unwrapped(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Annotated else (hint,)


def default_hint(label: str) -> str:
    """What stands behind a flag's words: its default, if that says something, in few digits.

    Args:
        label: the default as it would be typed.
    """
    if label in _SILENT:
        return ""
    return f"(default: {in_few_digits(label)})"


def in_few_digits(text: str) -> str:
    """A text whose fractions have at most four digits that count: 1.333 of 4/3."""
    return re.sub(r"[0-9]+[.][0-9]{5,}", lambda number: f"{float(number[0]):.4g}", text)


def field_help(kind: type, name: str) -> str:
    """What a dataclass says of a field: below it, below that of a base, or under `Attributes:`."""
    for owner in kind.__mro__:
        if name not in inspect.get_annotations(owner):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            target = field.target if isinstance(field, ast.AnnAssign) else None
            if isinstance(target, ast.Name) and target.id == name:
                said = below.value if isinstance(below, ast.Expr) else None
                if isinstance(said, ast.Constant):
                    return one_line(said.value)
    return _attributes(kind).get(name, "")


def _attributes(kind: type) -> dict[str, str]:
    """What a class' docstring says of its fields, under `Attributes:`."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in (inspect.getdoc(kind) or "").partition("Attributes:\n")[2].splitlines():
        if head := re.match(r"    (\w+(?:, \w+)*): (.*)", line):
            names = head[1].split(", ")
            found |= dict.fromkeys(names, head[2])
        elif not line.startswith("     "):
            break
        else:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found
