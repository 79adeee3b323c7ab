"""Whether an optional package is there, without importing it."""

from __future__ import annotations

import importlib.util


def is_installed(package: str) -> bool:
    """Tells whether `package`, dotted or not, can be imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # find_spec imports the parents of a dotted name
        return False
