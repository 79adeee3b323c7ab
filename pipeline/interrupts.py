"""Ctrl-C, which a terminal sends to every process of a command, and what libraries make of it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


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
