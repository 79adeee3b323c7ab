"""Files that appear under their own name only when they are complete, and names that last."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# What fsync(2) of a folder says on file systems, network ones among them, that have no such thing.
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` when the block ends.

    It lies beside `path` as `.NAME.XXXXXXXX`, is synced and then renamed. If the block raises, it
    is removed and what `path` was stays; a killed process leaves it behind, see `remove_leftovers`.

    Raises:
        OSError: if the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_leftovers(folder: Path, names: Sequence[str]) -> None:
    """Removes what killed processes left of their writing of files of these names.

    Only for who knows that nobody else is writing them now.
    """
    # Eight characters of tempfile's alphabet, of which those of `replacing` are a part.
    form = re.compile(rf"\.({'|'.join(map(re.escape, names))})\.[a-z0-9_]{{8}}")
    for path in folder.iterdir():
        if form.fullmatch(path.name):
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder, such as a rename, survive a power cut.

    A system or file system that knows no such thing is no reason to fail; a disk that fails is.

    Raises:
        OSError: the names could not be written.
    """
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder may be written in that may not be read
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise OSError(error.errno, error.strerror, str(folder)) from None
    finally:
        os.close(handle)
