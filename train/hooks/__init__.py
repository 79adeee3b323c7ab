"""What watches a run: it may note, say or ask for the end, and never changes what is computed.

What changes a step's mathematics is a loss (headrace.train.losses) or an optimizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from headrace.train.progress import Progress


class Hook(Protocol):
    """The moments of a run, in the order in which they come; a hook has those that it needs."""

    def wants_end(self, progress: Progress) -> bool:
        """Asked before every epoch, on every process, of which all must say the same."""
        return False

    def after_log(self, progress: Progress, row: Mapping[str, Any]) -> None:
        """Some steps are done.

        Args:
            progress: where the run stands.
            row: what is logged of the steps since the last time.
        """
        return None

    def after_epoch(self, progress: Progress, row: Mapping[str, Any], best: bool) -> None:
        """An epoch is done and evaluated.

        Args:
            progress: still of that epoch.
            row: what is logged of it.
            best: whether no epoch before was as good.
        """
        return None
