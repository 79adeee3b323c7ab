"""What a folder holds, before anybody asks what it means: its image files, and their order.

Also what the search for a layout goes through (Found) and ends with (Listing).
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.errors import RecordsError

EXTENSIONS = frozenset(
    ("jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "tif", "tiff", "gif", "ppm", "pgm")
)
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "evaluation": "test",
}
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The samples of a folder as parallel columns, ordered by split and then by name.

    Attributes:
        root: folder that `paths` start from.
        layout: which layout was found.
        paths: (N,) with forward slashes, relative to `root`.
        labels: (N,) int64 index into `classes`, -1 where there is none.
        classes: class names.
        splits: split name to half-open range of samples, in order.
        why: one sentence: which layout was taken and on what evidence.
        taken: a line for each list, column and source of splits that was taken, with its figures.
        passed_over: every list, folder and column that might have told something and was not
            taken: its name, and why not.
        missing: listed or linked files that are not there.
        ignored: images that belong to no split or class, and why.
        notes: what was decided where the folders leave a choice, one line each.
    """

    root: Path
    layout: str
    paths: list[str]
    labels: np.ndarray
    classes: tuple[str, ...]
    splits: dict[str, tuple[int, int]]
    why: str = ""
    taken: tuple[str, ...] = ()
    passed_over: tuple[Skipped, ...] = ()
    missing: tuple[Skipped, ...] = ()
    ignored: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Found:
    """A sample on its way into a Listing; `label` is a class name, a number, or None."""

    path: str
    split: str
    label: str | int | None


@dataclass(frozen=True, kw_only=True)
class Scan:
    """The image files below a folder, in natural order, relative to it."""

    root: Path
    images: list[str]
    missing: tuple[Skipped, ...]


def scan_images(root: Path) -> Scan:
    """Every image file at any depth, by its extension.

    Hidden files are passed over, and so are folders that were seen already. Images that are links
    to nothing are listed as missing. So is whatever cannot be looked at (an unreadable folder, a
    link in a circle), whatever it is called, since nobody can tell what it hides.

    Raises:
        RecordsError: no image was found, and something was left out.
        OSError: `root` itself cannot be read.
    """
    images: list[str] = []
    missing: list[Skipped] = []
    seen: set[tuple[int, int]] = set()
    folders = [(str(root), "")]
    while folders:
        folder, prefix = folders.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116 (a string: this loop sees millions of names)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    _sort_in(entry, prefix, images, folders, missing)
        except OSError as error:
            if not prefix:
                raise
            missing.append(Skipped(name=prefix, reason=_why_not(error)))
    if missing and not images:
        raise RecordsError(
            f"{root} holds no image that can be read; of {len(missing)} left out the first is "
            f"{missing[0].name}: {missing[0].reason}"
        )
    images.sort(key=natural_key)
    missing.sort(key=lambda skipped: natural_key(skipped.name))
    return Scan(root=root, images=images, missing=tuple(missing))


def _sort_in(
    entry: os.DirEntry[str],
    prefix: str,
    images: list[str],
    folders: list[tuple[str, str]],
    missing: list[Skipped],
) -> None:
    """Puts one entry of a folder where it belongs."""
    name = entry.name
    if name.startswith(".") or name == "__MACOSX":
        return
    try:
        if entry.is_dir():
            folders.append((entry.path, f"{prefix}{name}/"))
        elif name.rpartition(".")[2].lower() in EXTENSIONS and "." in name:
            if entry.is_file():
                images.append(prefix + name)
            else:
                reason = "a link to nothing" if entry.is_symlink() else "not a file"
                missing.append(Skipped(name=prefix + name, reason=reason))
    except OSError as error:
        missing.append(Skipped(name=prefix + name, reason=_why_not(error)))


def _why_not(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a link that leads back to itself"
    return f"cannot be read: {error.strerror or error}"


def natural_key(text: str) -> tuple[list[str | int], str]:
    """Sort key that puts 2_9 before 2_10; the text itself settles 1 against 01."""
    parts: list[str | int] = list(_DIGITS.split(text))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return parts, text


def split_of(folder: str) -> str | None:
    """The canonical split that a folder's or list's name stands for, or None."""
    return SPLIT_NAMES.get(folder.lower())
