"""--log: sends what is logged to a service, and lets a run go on whatever becomes of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from headrace.pipeline.wording import one_line
from headrace.train.hooks import Hook
from headrace.train.progress import Progress
from headrace.train.trackers import Tracker


class Tracking(Hook):
    """The numbers of a run's steps and epochs, from the process that writes its folder.

    Args:
        service: its name, for what is said.
        begin: begins the run there, or goes on with the one that it is given the name of.
        say: shows a line to the user.
    """

    def __init__(
        self, service: str, begin: Callable[[str], Tracker], say: Callable[[str], None]
    ) -> None:
        self.name = f"tracking-{service}"
        self._service, self._begin, self._say = service, begin, say
        self._run_id = ""
        self._tracker: Tracker | None = None
        self._given_up = False

    def after_log(self, progress: Progress, row: Mapping[str, Any]) -> None:
        self._log(progress.global_step, {f"train/{name}": value for name, value in row.items()})

    def after_epoch(self, progress: Progress, row: Mapping[str, Any], best: bool) -> None:
        scores = {
            f"val/{name.removeprefix('val_')}": value
            for name, value in row.items()
            if name.startswith("val_") and isinstance(value, int | float)
        }
        self._log(progress.global_step, {"epoch": row["epoch"], **scores})

    def state_dict(self) -> dict[str, Any]:
        return {"run_id": self._run_id} if self._run_id else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._run_id = str(state["run_id"])

    def close(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Ends it there; called as an ExitStack calls what it leaves."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            self._attempt(lambda: tracker.close(kind is None))

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        def send() -> None:
            if self._tracker is None:
                # Not before: what a resumed run was called is known by now.
                self._tracker = self._begin(self._run_id)
                self._run_id = self._tracker.run_id
            self._tracker.log(step, values)

        if not self._given_up:
            self._attempt(send)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # a service's failure is never the run's
            if self._given_up:
                return
            self._given_up = True
            reason = one_line(error, 300) or type(error).__name__
            self._say(
                f"--log {self._service}: nothing more is sent there ({reason}); the run goes on, "
                "its folder has all"
            )
