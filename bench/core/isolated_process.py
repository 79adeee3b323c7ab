"""A source in a process of its own, so that its memory, CPU time and threads are its own.

The parent keeps one `Isolated` per source and asks them in turn; the others wait meanwhile.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import tempfile
from pathlib import Path
from typing import Any

from headrace.bench.core.process_usage import PeakMemory
from headrace.bench.loading.loader_under_test import Job
from headrace.bench.loading.timed_loader import Growth, OpenCost, Opened, Part, Run, serve
from headrace.pipeline.errors import HeadraceError

STOP_S = 3.0
_LAST_WORDS = 400  # characters of a dead process's stderr that are looked at


class UnavailableError(HeadraceError):
    """A loader that cannot run here; the message is the one-line reason."""


class Isolated:
    """A process that holds one source.

    Args:
        name: for messages.

    Attributes:
        peak_rss_mb, peak_private_mb: highest memory of the process and its children so far.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.peak_rss_mb = self.peak_private_mb = 0.0
        context = _context()
        self._pipe, theirs = context.Pipe()
        with tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log", delete=False) as log:
            self._log = Path(log.name)
        self._process = context.Process(target=serve, args=(theirs, str(self._log)), name=name)
        self._process.start()
        theirs.close()

    def open(self, job: Job) -> Opened:
        """Opens a source in place of the one before and runs one epoch of it as a warm-up.

        Raises:
            UnavailableError: if that fails.
        """
        return self._ask("open", job)

    def run(self, min_s: float) -> Run:
        """Runs whole epochs until `min_s` seconds are over."""
        return self._ask("run", min_s)

    def grow(self, epochs: int, breaks: int) -> Growth:
        """Runs epochs, then `breaks` that are left after two batches, looking at the memory."""
        return self._ask("grow", epochs, breaks)

    def open_records(self, path: Path) -> OpenCost:
        """Opens a record file and plans an epoch of its first split, without any loader."""
        return self._ask("open_records", path)

    def run_part(self, job: Job, seconds: float) -> Part:
        """Opens a source and takes batches of one epoch until the time is over."""
        return self._ask("run_part", job, seconds)

    def prepare(self, module: str, folder: Path, out: Path) -> None:
        """Makes a peer's own format, see bench.peers.

        Raises:
            UnavailableError: if that fails.
        """
        self._ask("prepare", module, folder, out)

    def _ask(self, command: str, *arguments: Any) -> Any:
        with PeakMemory(self._process.pid) as memory:
            try:
                self._pipe.send((command, *arguments))
                failed, answer = self._pipe.recv()
            except (EOFError, OSError):
                self._process.join(STOP_S)
                raise UnavailableError(f"{self.name} {self._end()}") from None
        self.peak_rss_mb = max(self.peak_rss_mb, memory.rss_mb)
        self.peak_private_mb = max(self.peak_private_mb, memory.private_mb)
        if failed:
            raise UnavailableError(answer)
        return answer

    def _end(self) -> str:
        """How the process died, in words."""
        code = self._process.exitcode
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        else:
            how = f"ended with status {code}"
        with contextlib.suppress(OSError):
            words = self._log.read_text(errors="replace")[-_LAST_WORDS:].strip().splitlines()
            how += f": {words[-1]}" if words else ""
        return how

    def close(self, at_once: bool = False) -> None:
        """Ends the process; `at_once` does not wait for what it is doing."""
        if at_once:
            self._process.terminate()
        with contextlib.suppress(OSError):
            self._pipe.send(("stop",))
        self._process.join(STOP_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()
        self._log.unlink(missing_ok=True)

    def __enter__(self) -> Isolated:
        return self

    def __exit__(self, *error: object) -> None:
        self.close(at_once=error[0] is not None)


def _context() -> Any:
    """Fresh processes that need not import torch again, where the system can fork."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torchvision", "headrace.bench.core.isolated_process"])
    return context
