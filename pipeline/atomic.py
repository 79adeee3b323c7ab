"""Files that appear under their own name only when they are complete, and names that last."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import IO, Any

# What fsync(2) of a folder says on file systems, network ones among them, that have no such thing.
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)
_LONG_BYTES = 112


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` when the block ends.

    It lies beside `path` as `.NAME.XXXXXXXX`, where NAME is its name `shortened`, is synced and
    then renamed. If the block raises, it is removed and what `path` was stays; a killed process
    leaves it behind, see `remove_leftovers`.

    Raises:
        OSError: if the disk is full or the folder cannot be written; also where a library that
            writes into the file has made an error of its own of that.
    """
    temporary = path.with_name(f".{shortened(path.name)}.{secrets.token_hex(4)}")
    try:
        with _Remembering(FileIO(os.fspath(temporary), "xb")) as file:
            try:
                yield file
                file.flush()
            except Exception as error:
                if file.refusal is None:
                    raise
                raise file.refusal from error
            os.fsync(file.raw.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def shortened(name: str) -> str:
    """A name that has room for more: itself, or of a long one its beginning and a hash of it all.

    File systems take names of 255 bytes, encrypting ones of 143.
    """
    whole = os.fsencode(name)
    if len(whole) <= _LONG_BYTES:
        return name
    begin = whole[: _LONG_BYTES - 17].decode("utf-8", "ignore")
    return f"{begin}-{hashlib.sha256(whole).hexdigest()[:16]}"


class _Remembering(io.BufferedWriter):
    """A file that knows why it could not be written, whatever becomes of the error on its way.

    Attributes:
        refusal: the system's last one.
    """

    raw: FileIO
    refusal: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.refusal = error
            raise

    def fileno(self) -> int:
        """Not told: PIL would write past this object, and not say why it failed."""
        raise io.UnsupportedOperation("this file is written through its object")


def remove_leftovers(folder: Path, names: Sequence[str]) -> None:
    """Removes what killed processes left of their writing of files of these names.

    Only for who knows that nobody else is writing them now.
    """
    # Eight characters of tempfile's alphabet, of which those of `replacing` are a part.
    known = "|".join(re.escape(shortened(name)) for name in names)
    form = re.compile(rf"\.({known})\.[a-z0-9_]{{8}}")
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
