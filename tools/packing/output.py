"""A file or folder that appears under its own name only when it is complete."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from pipeline.errors import ConfigError


def check_output(out: Path, force: bool) -> None:
    """Refuses an output that is there already, or whose folder is not.

    Raises:
        ConfigError: naming what to do.
    """
    if out.exists() and not force:
        raise ConfigError(f"{out} exists; pass --force to replace it")
    if not out.parent.is_dir():
        raise ConfigError(f"the folder {out.parent} does not exist; make it first")


class PendingFile:
    """Writes `NAME.part` beside the file; `commit` gives it its name, leaving removes it.

    A killed process leaves the .part behind, which the next run replaces. A lock keeps two runs
    from writing the same one.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.part = out.with_name(out.name + ".part")
        # Not truncated yet: another run may be writing it.
        descriptor = os.open(self.part, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        self.file: BinaryIO = os.fdopen(descriptor, "r+b", buffering=1 << 20)
        try:
            _lock(self.file, self.part)
            self.file.truncate(0)
        except BaseException:
            self.file.close()
            raise
        self._committed = False

    def commit(self) -> None:
        """Forces the bytes to the disk, then renames."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.part.replace(self.out)
        self._committed = True
        self.file.close()
        _sync_folder(self.out.parent)

    def __enter__(self) -> PendingFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._committed:
            return
        self.part.unlink(missing_ok=True)
        with suppress(OSError):  # a full disk again, now for what was still buffered
            self.file.close()


class PendingFolder:
    """The same for a folder of files: `NAME.part/` becomes `NAME/`."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.part = out.with_name(out.name + ".part")
        shutil.rmtree(self.part, ignore_errors=True)
        self.part.mkdir()
        self._committed = False

    def commit(self) -> None:
        """Moves an older folder away, renames, then removes the older one."""
        old = self.out.with_name(self.out.name + ".old")
        if self.out.exists():
            self.out.rename(old)
        self.part.rename(self.out)
        self._committed = True
        _sync_folder(self.out.parent)
        shutil.rmtree(old, ignore_errors=True)

    def __enter__(self) -> PendingFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._committed:
            shutil.rmtree(self.part, ignore_errors=True)


def _lock(file: BinaryIO, part: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: os.open of a file in use fails by itself when replaced
        return
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(f"{part} is being written by another run; wait for it") from None
    except OSError:
        return  # a file system without locks


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    with suppress(OSError):  # some file systems cannot
        os.fsync(descriptor)
    os.close(descriptor)
