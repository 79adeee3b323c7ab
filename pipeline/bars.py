"""Progress bars of all commands: lively in a terminal, a rare line in a log file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

from headrace.pipeline.quiet import is_quiet

TERMINAL_S = 0.2
LOG_FILE_S = 60.0
"""Seconds between two looks of a bar. Where nobody watches, what is done sooner says nothing."""


class _Rare(tqdm):
    """A bar that no text beside it makes show itself."""

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        super().set_postfix_str(s, refresh=False)


def bar(items: Iterable[Any] | None = None, **settings: Any) -> tqdm[Any]:
    """A bar of tqdm's, on stderr; `settings` are its own, such as total, desc, unit and leave."""
    if is_quiet():
        return tqdm(items, **{**settings, "disable": True})
    if sys.stderr.isatty():
        return tqdm(items, mininterval=TERMINAL_S, dynamic_ncols=True, **settings)
    # tqdm looks after bars that have not moved for `maxinterval`, 10 s unless told.
    rule = {"mininterval": LOG_FILE_S, "maxinterval": LOG_FILE_S, "delay": LOG_FILE_S}
    return _Rare(items, **{**settings, **rule, "leave": False})
