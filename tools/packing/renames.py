"""Renames that replace nothing by accident, and that exchange two names."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

# renameat2(2) of Linux, which Python does not offer.
_NOREPLACE, _EXCHANGE = 1, 2
_AT_FDCWD = -100
_NOT_KNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


def rename_new(source: Path, target: Path) -> None:
    """Renames a file or folder to a name that nothing has.

    Where neither the system nor the file system can do that in one step, the name is looked at
    first, and whoever takes it in the moment between loses.

    Raises:
        FileExistsError: something has the name, be it a link to nothing or an empty folder.
        OSError: whatever else hinders it.
    """
    if _renameat2(source, target, _NOREPLACE):
        return
    # Not link(2) and unlink(2), which would do for files: killed between them, we would leave two.
    if os.path.lexists(target):
        code = errno.EEXIST
        raise FileExistsError(code, os.strerror(code), str(source), None, str(target))
    source.rename(target)


def exchange(first: Path, second: Path) -> bool:
    """Exchanges what two names stand for, in one step.

    Returns:
        False if this system or file system cannot; nothing has happened then.

    Raises:
        OSError: whatever else hinders it.
    """
    return _renameat2(first, second, _EXCHANGE)


def _renameat2(source: Path, target: Path, flags: int) -> bool:
    call = _system_call()
    if call is None:
        return False
    sys.audit("os.rename", source, target, -1, -1)  # as os.rename does
    names = os.fsencode(source), os.fsencode(target)
    if call(_AT_FDCWD, names[0], _AT_FDCWD, names[1], flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_KNOWN:
        return False
    raise OSError(code, os.strerror(code), str(source), None, str(target))


@cache
def _system_call() -> Callable[..., Any] | None:
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):  # another system, or an old C library
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    call.restype = ctypes.c_int
    return call
