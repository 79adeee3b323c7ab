"""What watches a run: it may note, keep, say, ask for the end, and changes nothing of the result.

What changes a step's mathematics is a loss, an objective or an optimizer, in rooms of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from headrace.train.progress import Progress


@runtime_checkable
class Hook(Protocol):
    """The moments of a run, in the order in which they come; a hook has those that it needs.

    Attributes:
        name: what its state is called in last.pt; a hook that keeps none needs no name.
    """

    name: str = ""

    def wants_end(self, progress: Progress) -> bool:
        """Asked before every epoch, on every process, of which all must say the same."""
        return False

    def after_step(self, progress: Progress) -> None:
        """The weights have been moved once, and `progress` counts it."""
        return None

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

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs of it, as plain data, alike on every process.

        What the epochs so far decide, such as the best of them, is in `Progress` already.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where another of the same name gave `state`; called if there is any."""
        return None
