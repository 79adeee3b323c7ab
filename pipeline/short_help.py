"""Help of the flags that everyone uses; `--help-all` has the rest."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Sequence
from typing import Annotated, Any, get_type_hints

import tyro

from headrace.pipeline.flat_settings import to_flat, walk_owners
from headrace.pipeline.wording import one_line

ALL = "--help-all"
_REST = f"{ALL} shows all flags."


def short_form(settings: Any, names: Sequence[str]) -> Any:
    """Settings like the given ones that have no others than these, all in one dataclass.

    Args:
        settings: filled in; nested ones are found too.
        names: which settings, in the order in which they are shown.
    """
    values = to_flat(settings)
    owners = {name: kind for name, _, kind in walk_owners(settings)}
    fields: list[Any] = []
    for name in names:
        kind = owners[name]
        hint: Any = get_type_hints(kind, include_extras=True)[name]
        shown = Annotated[hint, tyro.conf.arg(help=field_help(kind, name))]
        fields.append((name, shown, dataclasses.field(default=values[name])))
    short = dataclasses.make_dataclass("Settings", fields, frozen=True, kw_only=True)
    short.__doc__ = f"{inspect.getdoc(type(settings))} {_REST}"
    return short()


def field_help(kind: type, name: str) -> str:
    """The docstring under a field of a dataclass, or of one that it is derived from."""
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
    return ""
