"""Settings in the form in which a help draws them: all, or those that everyone uses.

The forms have the same flags as the settings and are drawn, never filled in.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Sequence
from typing import Annotated, Any, get_args, get_type_hints

from headrace.pipeline.flag_help import shown_hint
from headrace.pipeline.flat_settings import to_flat, walk_owners

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
    fields = [(name, shown_hint(owners[name], name), _given(values[name])) for name in names]
    return _dataclass(f"{inspect.getdoc(type(settings))} {_REST}", fields)()


def whole_form(settings: Any) -> type:
    """A dataclass with the flags of another one, grouped as there.

    Args:
        settings: a dataclass, or one that has been filled in, whose values are the defaults then.
    """
    kind = settings if isinstance(settings, type) else type(settings)
    hints = get_type_hints(kind, include_extras=True)
    fields: list[Any] = []
    for field in dataclasses.fields(kind):
        value = _value(settings, field)
        if dataclasses.is_dataclass(value):
            inner = whole_form(value)
            extras = get_args(hints[field.name])[1:]
            hint = Annotated[(inner, *extras)] if extras else inner
            fields.append((field.name, hint, dataclasses.field(default_factory=inner)))
        elif value is dataclasses.MISSING:
            fields.append((field.name, shown_hint(kind, field.name)))
        else:
            fields.append((field.name, shown_hint(kind, field.name), _given(value)))
    return _dataclass((inspect.getdoc(kind) or "").partition("\n\n")[0], fields)


def _value(settings: Any, field: dataclasses.Field[Any]) -> Any:
    """What a field holds, or would hold; MISSING where it has to be given."""
    if not isinstance(settings, type):
        return getattr(settings, field.name)
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _given(value: Any) -> Any:
    """A default, which may be a list, too."""
    return dataclasses.field(default_factory=lambda: value)


def _dataclass(about: str, fields: Sequence[Any]) -> type:
    made = dataclasses.make_dataclass("Settings", fields, frozen=True, kw_only=True)
    made.__doc__ = about
    return made
