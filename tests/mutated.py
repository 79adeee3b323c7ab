"""Modules loaded anew from their source, changed in places as a mistake would change them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import NamedTuple


class Change(NamedTuple):
    """A mistake: `old`, which is there once, becomes `new`."""

    old: str
    new: str


def loaded(name: str, *changes: Change) -> ModuleType:
    """A module of its own with the source of another; `sys.modules` keeps the one that it has.

    Args:
        name: of the module, with its dots.
        changes: none for an exact copy.
    """
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).read_text()
    for old, new in changes:
        assert source.count(old) == 1, f"{name} has {source.count(old)} times {old!r}"
        source = source.replace(old, new)
    module = ModuleType(name)
    module.__file__ = spec.origin
    exec(compile(source, spec.origin, "exec"), module.__dict__)
    return module
