"""Paths as users give them: from a home folder, which a container's user may not have, by links
that may lead nowhere."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The home folder; `/` for a user who has none, as container runtimes have it."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.sep)


def tell_home() -> None:
    """Tells libraries of it: some end the process of a user who has none (Bokeh), others make a
    folder called `~` in the current one (numba)."""
    os.environ.setdefault("HOME", str(home()))


def cache_folder() -> Path:
    """Where this user's commands keep what is not to be found out twice; it may not be there."""
    return Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache") / "headrace"


def expanded(path: str | Path) -> Path:
    """A path that may begin with `~` or `~NAME`; as a shell does, it leaves an unknown NAME."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def resolved(path: str | Path) -> Path:
    """A path without links; of a link in a circle as far as they lead, where Path.resolve is an
    error up to Python 3.12."""
    return Path(os.path.realpath(path))
