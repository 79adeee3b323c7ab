"""One process at a time: an advisory lock on an open file, which ends with the file."""

from __future__ import annotations

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
