"""The user's home folder, which a container's user may not have, and what is kept there."""

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
