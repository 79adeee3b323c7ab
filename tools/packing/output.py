"""A file or folder that appears under its own name only when it is complete."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from pipeline.errors import ConfigError
from pipeline.locking import lock_exclusively

_SHARD_FILES = (".tar", ".idx", ".npz")


def check_output(out: Path, force: bool, as_folder: bool) -> None:
    """Refuses an output that is there already, or whose folder is not.

    Args:
        out: what will be written.
        force: an older file, or folder of shards and nothing else, may be replaced.
        as_folder: whether `out` will be a folder.

    Raises:
        ConfigError: naming what to do.
    """
    if not out.parent.is_dir():
        raise ConfigError(f"the folder {out.parent} does not exist; make it first")
    if not out.exists():
        return
    if out.is_dir() and not as_folder:
        raise ConfigError(f"{out} is a folder; name a file, or end it with / to write shards there")
    if as_folder and not _holds_only_shards(out):
        # Not even by force: it may be the images themselves.
        raise ConfigError(f"{out} exists and holds more than shards; choose another name")
    if not force:
        raise ConfigError(f"{out} exists; pass --force to replace it")


def _holds_only_shards(folder: Path) -> bool:
    return folder.is_dir() and all(
        entry.is_file() and entry.suffix in _SHARD_FILES for entry in folder.iterdir()
    )


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
            if not lock_exclusively(self.file):
                raise ConfigError(f"{self.part} is being written by another run; wait for it")
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
        if self.part.exists() and not _holds_only_shards(self.part):
            raise ConfigError(f"{self.part} is in the way; move it")
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


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    with suppress(OSError):  # some file systems cannot
        os.fsync(descriptor)
    os.close(descriptor)
