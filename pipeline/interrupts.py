"""Signals that a terminal or a cluster sends to every process of a command, what libraries make of
Ctrl-C, and what is left of a terminal that has gone."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator

HANGUP: int | None = getattr(signal, "SIGHUP", None)
"""Sent when a terminal is closed, or its connection lost; Windows has none."""
TO_END = (signal.SIGINT, signal.SIGTERM, *(() if HANGUP is None else (HANGUP,)))
"""Signals that ask a command to end."""


def let_go_of_gone_terminal() -> None:
    """Lets standard output and errors that nobody can read any more lead nowhere.

    What is written to a terminal that was closed, or to a pipe without a reader, would fail.
    """
    for stream in filter(None, (sys.__stdout__, sys.__stderr__)):
        # It is closed, or the system, as Windows, has no poll.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            number = stream.fileno()
            asked = select.poll()
            asked.register(number, 0)
            if any(found & (select.POLLERR | select.POLLHUP) for _, found in asked.poll(0)):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Processes that start meanwhile never hear of Ctrl-C, not even while they import.

    A mask of signals is inherited by what is started; a handler would come too late.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # its own start would let signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def interruption(error: BaseException) -> KeyboardInterrupt | None:
    """The interruption that an error is, or was made of: what Python calls while it defines a
    class, as an import does, it raises again as a RuntimeError."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause
