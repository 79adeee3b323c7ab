"""The right to write an output: a marked and locked file beside it."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.locking import is_at, lock_exclusively
from headrace.pipeline.unwritable import unwritable
from headrace.tools.packing.renames import rename_new
from headrace.tools.packing.swap import part_path, settle

MARK = (
    b"Headrace is writing here, or was stopped while it did; the next run takes this over.\n"
    b"Its folder, if it has one: "
)
_LONGEST_NAME_BYTES = 255
# An extended attribute says the same once the mark is overwritten by a finished file's header.
_ATTRIBUTE, _SET = "user.headrace.unfinished", b"1"
_BUFFER_BYTES = 1 << 20


class Claim:
    """Claims NAME through the file `NAME.part`.

    From its first moment on that file begins with MARK and is locked by the run that made it, so
    that three cases can be told apart: a run that goes on (locked), one that was killed (marked,
    not locked: taken over) and a file of somebody else's (not marked: left alone).

    Args:
        out: NAME. Its folder has to be there.

    Attributes:
        part: `NAME.part`.
        file: open for reading and writing, positioned behind the mark. The mark and the name after
            it take up less than a .beton's header does.
        work: a name beside it that nobody else has, for a folder; recorded in the file, so that
            the folder is found if this run is killed.

    Raises:
        ConfigError: another run writes there, or `NAME.part` is not ours.
        FailedError: it cannot be written.
    """

    def __init__(self, out: Path) -> None:
        self.part = part_path(out)
        while True:
            self.work = self.part.with_name(f"{self.part.name}-{secrets.token_hex(4)}")
            if os.path.lexists(self.work):
                continue
            file = _create(out, self.part, self.work)
            if file is not None:
                break
            _take_over(self.part, out)
        self.file: BinaryIO = file

    def check(self) -> None:
        """Makes sure that the claim is still there before its output gets its name.

        Raises:
            ConfigError: somebody took or replaced `NAME.part`.
        """
        if not is_at(self.file, self.part):
            raise ConfigError(
                f"{self.part} was removed or replaced while it was being written; pack again"
            )

    def release(self) -> None:
        """Removes what is still under the claim's name, then lets go of the lock."""
        if is_at(self.file, self.part):
            self.part.unlink()
        self.keep()

    def keep(self) -> None:
        """Lets go of the lock only: the next run to this name takes over."""
        with suppress(OSError):  # a full disk again, now for what was still buffered
            self.file.close()

    def forget(self) -> None:
        """Lets go of a file that is finished and has its own name now."""
        with suppress(AttributeError, OSError):
            os.removexattr(self.file.fileno(), _ATTRIBUTE)
        self.keep()


def check_claim(out: Path) -> None:
    """Whether a claim would be refused, without making one.

    Raises:
        ConfigError: another run writes there, or `NAME.part` is not ours.
        FailedError: the folder cannot be written.
    """
    part = part_path(out)
    if not os.access(part.parent, os.W_OK):
        denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        raise unwritable(out, denied)
    if not os.path.lexists(part):
        return
    if not stat.S_ISREG(os.lstat(part).st_mode):
        raise _in_the_way(part)
    with part.open("rb") as file:
        if not lock_exclusively(file):
            raise _written(part)
        if not file.read(len(MARK)) == MARK and not _has_attribute(file):
            raise _in_the_way(part)


def _create(out: Path, part: Path, work: Path) -> BinaryIO | None:
    """The claim's file, marked and locked before it gets its name; None if the name is taken."""
    try:
        return _create_nameless(part, work)
    except FileExistsError:
        return None
    except (AttributeError, OSError):  # not Linux, or a file system that cannot
        pass
    try:
        return _create_named(part, work)
    except FileExistsError:
        return None
    except OSError as error:  # of the three names the one that was given
        raise unwritable(out, error) from None


def _create_nameless(part: Path, work: Path) -> BinaryIO:
    """By way of a file without any name, which is gone if we are killed here."""
    with ExitStack() as undo:
        folder = os.open(part.parent, os.O_RDONLY | os.O_DIRECTORY)
        undo.callback(os.close, folder)
        descriptor = os.open(part.parent, os.O_TMPFILE | os.O_RDWR, 0o666)
        file = undo.enter_context(os.fdopen(descriptor, "r+b", buffering=_BUFFER_BYTES))
        _mark(file, work)
        # With a folder's descriptor Python calls linkat(2), which follows the link in /proc.
        os.link(f"/proc/self/fd/{descriptor}", part.name, dst_dir_fd=folder, follow_symlinks=True)
        undo.pop_all()
    os.close(folder)
    return file


def _create_named(part: Path, work: Path) -> BinaryIO:
    """By way of the name that the folder gets later."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with ExitStack() as undo:
        descriptor = os.open(work, flags, 0o666)
        undo.callback(work.unlink, missing_ok=True)
        file = undo.enter_context(os.fdopen(descriptor, "r+b", buffering=_BUFFER_BYTES))
        _mark(file, work)
        try:
            os.link(work, part)  # fails if the name is taken, also where rename_new has to look
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            rename_new(work, part)
        else:
            work.unlink()
        undo.pop_all()
    return file


def _mark(file: BinaryIO, work: Path) -> None:
    lock_exclusively(file)  # nobody else can have opened it
    file.write(MARK + os.fsencode(work.name) + b"\n")
    file.flush()
    with suppress(AttributeError, OSError):
        os.setxattr(file.fileno(), _ATTRIBUTE, _SET)


def _take_over(part: Path, out: Path) -> None:
    """Clears away what a killed run left; does nothing if it has gone meanwhile.

    Raises:
        ConfigError: see Claim.
    """
    try:
        if not stat.S_ISREG(os.lstat(part).st_mode):
            raise _in_the_way(part)
        flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(part, flags)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "r+b") as file:
        if not lock_exclusively(file):
            raise _written(part)
        if not is_at(file, part):  # finished, or cleared away, between opening and locking
            return
        head = file.read(len(MARK) + _LONGEST_NAME_BYTES + 1)
        if head.startswith(MARK):
            name = os.fsdecode(head[len(MARK) :].partition(b"\n")[0])
            # Only a name that a Claim makes up: the file may have come from anywhere.
            if re.fullmatch(re.escape(part.name) + "-[0-9a-f]{8}", name):
                settle(out, part.with_name(name))
        elif not _has_attribute(file):
            raise _in_the_way(part)
        part.unlink()


def _has_attribute(file: BinaryIO) -> bool:
    try:
        return os.getxattr(file.fileno(), _ATTRIBUTE) == _SET
    except (AttributeError, OSError):
        return False


def _written(part: Path) -> ConfigError:
    return ConfigError(f"{part} is being written by another run; wait for it")


def _in_the_way(part: Path) -> ConfigError:
    return ConfigError(
        f"{part} is in the way; move it (it is not left over from an unfinished pack)"
    )
