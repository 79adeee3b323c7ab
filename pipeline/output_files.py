"""Files that a command was asked for: complete or not there, and refused before any work if they
cannot be written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from headrace.pipeline.atomic import replacing
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.unwritable import writing
from headrace.pipeline.user_paths import resolved
from headrace.pipeline.wording import reason_of


def names_device(path: Path) -> bool:
    """Whether a name is one of the system's, as /dev/null or /dev/stdout; /dev/shm holds files."""
    parents = path.absolute().parents
    return Path("/dev") in parents and Path("/dev/shm") not in parents


def check_ending(path: Path, flag: str, *endings: str) -> None:
    """Refuses a name that what is read may have, a record file's or a checkpoint's.

    Args:
        path: of a file to write; a device may be called anything.
        flag: that named it.
        endings: any of which its name may have; the first is told.

    Raises:
        ConfigError: if it has none of them.
    """
    if path.suffix.lower() not in endings and not names_device(path):
        raise ConfigError(f"{flag} {path}: expected a name that ends in {endings[0]}")


def check_writable(path: Path, flag: str = "--csv") -> None:
    """Refuses a file that cannot be written, before anything is computed for it.

    Raises:
        ConfigError: naming what is in the way.
    """
    if path.is_dir():
        raise ConfigError(f"{flag} {path} is a folder; name a file")
    if not path.parent.is_dir():
        raise ConfigError(f"{flag} {path}: the folder {path.parent} does not exist; make it first")
    needed = [path] if path.exists() else []
    needed += [resolved(path).parent] if _is_plain(path) else []
    for place in needed:
        if not os.access(place, os.W_OK):
            raise ConfigError(f"{flag} {path}: no permission to write {place}; name another file")


def make_place(path: Path, flag: str) -> None:
    """Makes the folder of a file that is to be written, and refuses one that cannot be.

    Raises:
        ConfigError: naming what is in the way.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"the folder {path.parent} cannot be made: {reason_of(error)}"
        raise ConfigError(f"{flag} {path}: {said}") from None
    check_writable(path, flag)


def check_apart(files: Mapping[str, str], read: Sequence[str]) -> None:
    """Refuses outputs of which one would replace another, or what is read.

    Args:
        files: their paths by flag.
        read: paths of what is read; a run folder stands for its files.

    Raises:
        ConfigError: naming both.
    """
    taken = {resolved(place): place for place in read}
    for flag, name in files.items():
        path = resolved(name)
        if names_device(Path(name)):
            continue
        if path in taken:
            raise ConfigError(f"{flag} {name} would replace {taken[path]}; name another file")
        taken[path] = f"the file of {flag}"


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file to write; what was there stays as it was if the block fails.

    Raises:
        FailedError: if it cannot be written.
    """
    with writing(path):
        if _is_plain(path):
            with replacing(resolved(path)) as file:  # a link goes on naming the same file
                yield file
        else:
            with path.open("wb") as file:
                yield file


def _is_plain(path: Path) -> bool:
    """Whether a file can take its place; not that of a pipe, of a device or of /dev/stdout."""
    return not names_device(path) and (path.is_file() or not path.exists())
