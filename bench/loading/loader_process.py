"""A loader in a process of its own: the parent's end, through which it is opened and timed."""

from __future__ import annotations

from pathlib import Path

from headrace.bench.core.isolated_process import IsolatedProcess
from headrace.bench.loading.loader_under_test import Job
from headrace.bench.loading.timed_loader import Growth, OpenCost, Opened, Part, Run, TimedLoader


class LoaderProcess(IsolatedProcess):
    """A process that holds one loader; its methods are those of `TimedLoader`.

    Args:
        name: for messages.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, TimedLoader)

    def open(self, job: Job) -> Opened:
        """Opens a source in place of the one before and runs one epoch of it as a warm-up.

        Raises:
            UnavailableError: if that fails.
        """
        return self.ask("open", job)

    def run(self, min_s: float) -> Run:
        """Runs whole epochs until `min_s` seconds are over."""
        return self.ask("run", min_s)

    def grow(self, epochs: int, breaks: int) -> Growth:
        """Runs epochs, then `breaks` that are left after two batches, looking at the memory."""
        return self.ask("grow", epochs, breaks)

    def open_records(self, path: Path) -> OpenCost:
        """Opens a record file and plans an epoch of its first split, without any loader."""
        return self.ask("open_records", path)

    def run_part(self, job: Job, seconds: float) -> Part:
        """Opens a source and takes batches of one epoch until the time is over."""
        return self.ask("run_part", job, seconds)

    def prepare(self, module: str, folder: Path, out: Path) -> None:
        """Makes a peer's own format, see bench/loading/peers.

        Raises:
            UnavailableError: if that fails.
        """
        self.ask("prepare", module, folder, out)
