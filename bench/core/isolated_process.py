"""An object in a process of its own, so that its memory, CPU time and threads are its own.

The parent keeps one `IsolatedProcess` per object and asks them in turn; the others wait meanwhile.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol, TypeVar

from headrace.bench.core.process_usage import PeakMemory
from headrace.pipeline.errors import HeadraceError
from headrace.pipeline.interrupts import interrupts_held

STOP_S = 3.0
_LAST_WORDS = 400  # characters of a dead process's stderr that are looked at


class UnavailableError(HeadraceError):
    """What cannot run here; the message is the one-line reason."""


class Held(Protocol):
    """The object in the process; its other methods are what it can be asked for."""

    def close(self) -> None: ...


Process = TypeVar("Process", bound="IsolatedProcess")


class IsolatedProcess:
    """A process that holds one object.

    Args:
        name: for messages.
        make: makes the object there; a module's class or function, so that it can be sent.

    Attributes:
        peak_rss_mb, peak_private_mb: highest memory of the process and its children so far.
    """

    def __init__(self, name: str, make: Callable[[], Held]) -> None:
        self.name = name
        self.peak_rss_mb = self.peak_private_mb = 0.0
        context = _context(make.__module__)
        self._pipe, theirs = context.Pipe()
        with tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log", delete=False) as log:
            self._log = Path(log.name)
        self._process = context.Process(
            target=_serve, args=(theirs, str(self._log), make), name=name
        )
        with interrupts_held():
            self._process.start()
        theirs.close()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Calls a method of the object and returns what it returns.

        Raises:
            UnavailableError: if that fails, or if the process has died.
        """
        with PeakMemory(self._process.pid) as memory:
            try:
                self._pipe.send((method, *arguments))
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

    def __enter__(self: Process) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        self.close(at_once=error[0] is not None)


def _context(module: str) -> Any:
    """Fresh processes that need not import torch again, where the system can fork."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torchvision", module])
    return context


def _serve(pipe: Connection, log: str, make: Callable[[], Held]) -> None:
    """The process: answers questions until the parent stops it or goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, _leave)
    # This process inherited our way of starting processes; a DataLoader in a user's own script
    # would have the system's.
    multiprocessing.set_start_method(None, force=True)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)  # libraries talk; the table on screen should stay whole
    os.dup2(output, 2)
    held = make()
    with contextlib.suppress(EOFError, OSError, SystemExit):
        while True:
            method, *arguments = pipe.recv()
            if method == "stop":
                break
            try:
                answer = False, getattr(held, method)(*arguments)
            except Exception as error:  # whatever a peer raises is a row of the table
                answer = True, _one_line(error)
            pipe.send(answer)
    held.close()


def _leave(number: int, frame: object) -> None:
    raise SystemExit(0)


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = " ".join(lines[0].split()) if lines else ""
    if isinstance(error, HeadraceError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
