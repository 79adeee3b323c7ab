"""What the search for a layout goes through (Found) and ends with (Listing), and names' order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.containers.pack_report import LeftOut
from headrace.pipeline.split_names import SPLIT_NAMES

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
        left_out: files that are no images, or none that can be opened, by kind and reason.
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
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Found:
    """A sample on its way into a Listing; `label` is a class name, a number, or None."""

    path: str
    split: str
    label: str | int | None


def natural_key(text: str) -> tuple[list[str | int], str]:
    """Sort key that puts 2_9 before 2_10; the text itself settles 1 against 01."""
    parts: list[str | int] = list(_DIGITS.split(text))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return parts, text


def name_below(root: Path, path: Path) -> str:
    """A file as messages call it: relative to the scanned folder, or its whole path outside it."""
    path, root = path.absolute(), root.absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def split_of(folder: str) -> str | None:
    """The canonical split that a folder's or list's name stands for, or None."""
    return SPLIT_NAMES.get(folder.lower())
