"""Which image files lie below a folder, and what lies there that is none, before anybody asks
what they mean."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.containers.pack_report import LeftOut
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.file_kinds import EXTENSIONS, HEAD_BYTES, file_kind
from headrace.pipeline.layouts.listing import natural_key

_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What lies below a folder; names are relative to it, with forward slashes.

    Attributes:
        root: the folder.
        images: image files, in natural order.
        missing: what should be there and cannot be read, one by one.
        left_out: what is no image, or none that can be opened, counted by kind and reason.
    """

    root: Path
    images: list[str]
    missing: tuple[Skipped, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(kw_only=True)
class _Finds:
    """What comes together during a scan."""

    images: list[str] = field(default_factory=list)
    missing: list[Skipped] = field(default_factory=list)
    left_out: dict[tuple[str, str], tuple[int, list[str]]] = field(default_factory=dict)

    def leave_out(self, name: str, kind: str, reason: str) -> None:
        count, examples = self.left_out.get((kind, reason), (0, []))
        if len(examples) < _EXAMPLES:
            examples.append(name)
        self.left_out[kind, reason] = count + 1, examples


_Ancestors = tuple[tuple[int, int], ...]


def scan_images(root: Path) -> Scan:
    """Every image file at any depth: by its extension, by its first bytes where that is unknown.

    Linked folders are entered, each time that they occur; only a link back to a folder that it
    lies in is not. Images that are links to nothing are listed as missing. So is whatever cannot
    be looked at (an unreadable folder, a link in a circle), whatever it is called, since nobody
    can tell what it hides. Whatever else is not listed is counted in `left_out`.

    Raises:
        RecordsError: no image was found, and something was left out that might be one.
        OSError: `root` itself cannot be read.
    """
    finds = _Finds()
    folders: list[tuple[str, str, _Ancestors]] = [(str(root), "", ())]
    while folders:
        folder, prefix, ancestors = folders.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116 (a string: this loop sees millions of names)
            place = status.st_dev, status.st_ino
            if place in ancestors:
                finds.leave_out(prefix, "linked folder", "leads back to a folder that it lies in")
                continue
            below = (*ancestors, place)
            with os.scandir(folder) as entries:
                folders += [(path, name, below) for path, name in _sort_in(entries, prefix, finds)]
        except OSError as error:
            if not prefix:
                raise
            finds.missing.append(Skipped(name=prefix, reason=_why_not(error)))
    return _scan(root, finds)


def _scan(root: Path, finds: _Finds) -> Scan:
    missing = finds.missing
    if missing and not finds.images:
        raise RecordsError(
            f"{root} holds no image that can be read; of {len(missing)} left out the first is "
            f"{missing[0].name}: {missing[0].reason}"
        )
    finds.images.sort(key=natural_key)
    missing.sort(key=lambda skipped: natural_key(skipped.name))
    left_out = [
        LeftOut(kind=kind, reason=reason, count=count, examples=tuple(examples))
        for (kind, reason), (count, examples) in finds.left_out.items()
    ]
    left_out.sort(key=lambda group: (-group.count, group.kind))
    return Scan(root=root, images=finds.images, missing=tuple(missing), left_out=tuple(left_out))


def _sort_in(
    entries: Iterator[os.DirEntry[str]], prefix: str, finds: _Finds
) -> Iterator[tuple[str, str]]:
    """Puts the entries of a folder where they belong; yields path and name of the folders."""
    entry = None
    for entry in entries:
        name = prefix + entry.name
        try:
            if entry.name.startswith("."):
                finds.leave_out(name, "hidden", "its name begins with a dot")
            elif entry.is_dir():
                if entry.name == "__MACOSX":
                    finds.leave_out(name, "__MACOSX", "a folder of macOS's archives, not of images")
                elif entry.name == "lost+found":
                    finds.leave_out(name, "lost+found", "a folder of the file system")
                else:
                    yield entry.path, name + "/"
            else:
                _sort_file(entry, name, finds)
        except OSError as error:
            finds.missing.append(Skipped(name=name, reason=_why_not(error)))
    if entry is None and prefix:
        finds.leave_out(prefix.rstrip("/"), "empty folder", "holds nothing: is a class missing?")


def _sort_file(entry: os.DirEntry[str], name: str, finds: _Finds) -> None:
    stem, _, extension = entry.name.rpartition(".")
    known = bool(stem) and extension.lower() in EXTENSIONS
    if not entry.is_file():  # neither is a pipe or a device opened, which might never end
        reason = "a link to nothing" if entry.is_symlink() else "not a file"
        if known:
            finds.missing.append(Skipped(name=name, reason=reason))
        else:
            finds.leave_out(name, "link" if entry.is_symlink() else "special file", reason)
        return
    if known:
        finds.images.append(name)
        return
    kind = file_kind(entry.name, lambda: _read_head(entry.path))
    if kind.obstacle is None:
        finds.images.append(name)
    else:
        finds.leave_out(name, kind.title, kind.obstacle)


def _read_head(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (there may be millions)
        return file.read(HEAD_BYTES)


def _why_not(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a link that leads back to itself"
    return f"cannot be read: {error.strerror or error}"
