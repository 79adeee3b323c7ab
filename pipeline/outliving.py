"""Output that nobody reads any more ends nothing that takes hours: what is written is lost."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO

from headrace.pipeline.interrupts import let_go_of_gone_terminal

_GONE = (errno.EIO, errno.EPIPE)
"""What the system says of a terminal that was closed, and of a pipe without a reader."""


@contextmanager
def outliving_readers() -> Iterator[None]:
    """Meanwhile standard output and errors lead nowhere once their terminal or reader has gone.

    As after `disown` or with `nohup`, when no signal tells of it. A caller's own streams, such as a
    notebook's, stay as they are.
    """
    with ExitStack() as given_back:
        given_back.enter_context(redirect_stdout(_outliving(sys.stdout)))
        given_back.enter_context(redirect_stderr(_outliving(sys.stderr)))
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(ValueError):  # closed by somebody
                    stream.flush()


def _outliving(stream: TextIO) -> TextIO:
    if stream not in (sys.__stdout__, sys.__stderr__) or not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        _tried(stream.flush)
        raw = _Outliving(stream.fileno())
    except ValueError:
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Outliving(io.RawIOBase):
    """Writes to an open file of the system's, which stays open."""

    def __init__(self, number: int) -> None:
        self._number = number

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: Any) -> int:
        return _tried(lambda: os.write(self._number, data))


def _tried(write: Any) -> Any:
    """Does what writes, once more where it has failed as its reader has gone."""
    try:
        return write()
    except OSError as error:
        if error.errno not in _GONE:
            raise
        let_go_of_gone_terminal()
        return write()
