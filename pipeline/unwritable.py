"""What is said of a file that the system does not let us write: which, why, and what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.pipeline.errors import FailedError
from headrace.pipeline.wording import one_line

_FULL = "make room there, or name a place on another disk"
_WHAT_TO_DO = {
    errno.ENOSPC: _FULL,
    getattr(errno, "EDQUOT", errno.ENOSPC): _FULL,
    errno.EFBIG: "its disk, or a limit of the shell (ulimit -f), takes no file of that size",
    errno.EIO: "its disk fails: look into the system's log, and name a place on another",
}
_NOT_ALLOWED = {
    errno.EROFS: "its disk can only be read; name a place on another",
    errno.EACCES: "ask whose it is, or name another place",
    errno.EPERM: "ask whose it is, or name another place",
}


def was_writing(error: OSError) -> bool:
    """Whether only who writes is told that: a disk, a quota or a limit is full, or read-only."""
    return error.errno == errno.EROFS or (ran_full(error) and error.errno != errno.EIO)


def ran_full(error: OSError) -> bool:
    """Whether all was asked rightly, and the disk could not do it: it is full, or it fails."""
    return error.errno in _WHAT_TO_DO


def unwritable(path: Path | str, error: OSError, then: str = "") -> FailedError:
    """The complaint about a file that could not be written.

    Args:
        path: the file, by the name that it was to have.
        error: the system's.
        then: what is left of an earlier one, and how to go on; "" to say nothing of it.
    """
    said = error.strerror or one_line(error) or type(error).__name__
    advice = {**_WHAT_TO_DO, **_NOT_ALLOWED}.get(error.errno or 0, "")
    return FailedError("; ".join(filter(None, (f"cannot write {path}: {said}", advice, then))))


@contextmanager
def writing(path: Path, then: str = "") -> Iterator[None]:
    """Says of what the system refuses meanwhile which file was being written.

    Args:
        path, then: as of `unwritable`.

    Raises:
        FailedError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(path, error, then) from None
