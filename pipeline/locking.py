"""One process at a time: an advisory lock on an open file, which ends with the file.

Who waits for nobody has to look after locking whether the file still has its name: the one before
may have removed it between opening and locking.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


def lock_exclusively(file: IO[bytes]) -> bool:
    """Takes the lock of a file without waiting (flock(2); nothing where there is none).

    The lock belongs to the open file: it ends when the file is closed or the process ends, however
    it ends. It keeps out those that ask for it too, nobody else.

    Args:
        file: open for writing; some network file systems refuse the lock otherwise.

    Returns:
        False if another open file holds it. True if this one does now, and also where the system
        or the file system knows no locks, which cannot be told from nobody holding it.
    """
    try:
        import fcntl
    except ImportError:  # Windows: a file in use cannot be removed or renamed there anyway
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def is_at(file: IO[bytes], path: Path) -> bool:
    """Whether an open file is the one that has this name; a link is not what it points to."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except OSError:
        return False
