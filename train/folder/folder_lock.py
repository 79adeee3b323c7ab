"""One run at a time in a run folder: a lock file that holds for as long as its process lives."""

from __future__ import annotations

import os
import socket
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.locking import is_at, lock_exclusively

LOCK_NAME = ".run.lock"
_TRIES = 100


class FolderLock:
    """A run folder that this process alone may write; use `lock_folder`.

    A file that is left behind by a killed process locks nobody out: the lock is on the open file,
    not its being there.

    Attributes:
        folder: which.
    """

    def __init__(self, folder: Path, file: IO[bytes]) -> None:
        self.folder = folder
        self._file: IO[bytes] | None = file
        if hasattr(os, "register_at_fork"):
            # A forked worker would share the lock, and hold it for as long as it outlives a
            # killed run.
            mine = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _forget(mine))

    def check(self) -> None:
        """Refuses to go on where the folder has become another's, as after `rm -r` and a new run.

        Raises:
            HeadraceError: if the lock file under the folder's name is not this one.
        """
        if self._file is None or not is_at(self._file, self.folder / LOCK_NAME):
            raise HeadraceError(
                f"{self.folder} was removed, moved or given to another run while this one was "
                "going: nothing more is written there; start again with another --out"
            )

    def close(self) -> None:
        """Lets others in and leaves no lock file behind."""
        if self._file is None:
            return
        path = self.folder / LOCK_NAME
        # Removed while still held: who has opened it by then sees that it is gone, and opens anew.
        if is_at(self._file, path):
            with suppress(OSError):
                path.unlink()
        self.drop()

    def drop(self) -> None:
        """Closes this process' handle and nothing else."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock_folder(folder: Path) -> FolderLock:
    """Takes a run folder for this process, without waiting.

    Args:
        folder: exists; nothing in it is changed where another run holds it.

    Raises:
        ConfigError: if another run holds it.
        OSError: if the lock file cannot be written.
    """
    path = folder / LOCK_NAME
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    for _ in range(_TRIES):
        file = open(os.open(path, flags, 0o666), "r+b", buffering=0)  # noqa: SIM115, PTH123
        try:
            if not lock_exclusively(file):
                raise ConfigError(
                    f"{folder} is being written by another run{_owner(file)}; "
                    "wait for it or stop it"
                )
            if is_at(file, path):
                file.truncate(0)
                file.write(f"{os.getpid()} {socket.gethostname()}\n".encode())
                return FolderLock(folder, file)
        except BaseException:
            file.close()
            raise
        file.close()  # it was of a run that has just ended and removed it
    raise ConfigError(f"{folder} is being written by others again and again; wait for them")


@contextmanager
def taking_folder(folder: Path) -> Iterator[FolderLock]:
    """Takes a run folder as `lock_folder` does, and lets go of it only if the block raises."""
    lock = lock_folder(folder)
    try:
        yield lock
    except BaseException:
        lock.close()
        raise


def _owner(file: IO[bytes]) -> str:
    """Who holds the lock, as far as the file says: it is filled just after the lock is taken."""
    words = file.read(300).decode("utf-8", "replace").split()
    if not words or not words[0].isdecimal():
        return ""
    elsewhere = words[1:] not in ([], [socket.gethostname()])
    return f" (process {words[0]}{f' on {words[1]}' if elsewhere else ''})"


def _forget(lock: weakref.ref[FolderLock]) -> None:
    found = lock()
    if found is not None:
        found.drop()
