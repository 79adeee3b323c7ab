"""How image folders are laid out: finds the samples, their splits, labels and class names.

Layouts::

    classes   [split/]any/depth/Class/x.jpg     the class is the folder that holds the image
    names     [split/]3_17.jpg                  label_number, as Food-11 is distributed
    list      train.txt, labels.csv, ...        path, label [, label ...]
    flat      [split/]x.jpg                     no labels

`auto` looks at what is there. A label of -1 means none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from headrace.pipeline.containers.manifest import DEFAULT_SPLIT, Skipped
from headrace.pipeline.errors import ConfigError, RecordsError
from headrace.pipeline.file_kinds import EXTENSIONS
from headrace.pipeline.layouts.classes import folder_titles, number_labels
from headrace.pipeline.layouts.config import LAYOUTS, LayoutConfig
from headrace.pipeline.layouts.listfiles import find_lists, read_lists
from headrace.pipeline.layouts.listing import Found, Listing, split_of
from headrace.pipeline.layouts.scanning import Scan, scan_images

_SPLIT_ORDER = ("train", "val", "test")
_LABEL_NAME = re.compile(r"(-?[0-9]+)_[^/]*\.[^./]+$")


def discover(
    source: str | Path,
    config: LayoutConfig | None = None,
    *,
    layout: str = "auto",
    label_column: str | int | None = None,
    class_names: str | Path | None = None,
) -> Listing:
    """Finds the samples below a folder (or named by a list file).

    Args:
        source: folder, or a list file whose paths are relative to its own folder.
        config: what is known of the layout; the other arguments are for where it is left away.
        layout: one of LAYOUTS.
        label_column: for lists: number of the column, from 0, or its heading.
        class_names: text file with one class name per line, in the order of the labels.

    Raises:
        ConfigError: a setting that cannot work, or labels that contradict each other.
        RecordsError: no image there.
    """
    source = Path(source)
    if config is not None:
        layout, label_column = config.layout, config.label_column
        class_names = config.class_names
    if layout not in LAYOUTS:
        raise ConfigError(f"layout {layout!r}: expected one of {', '.join(LAYOUTS)}")
    if not source.exists():
        raise RecordsError(f"{source} does not exist: expected a folder of images")
    lists = [source] if source.is_file() else []
    if lists and layout not in ("auto", "list"):
        raise ConfigError(f"{source} is a file: layout {layout} needs a folder of images")
    scan = scan_images(source.parent if lists else source)
    if not scan.images:
        raise RecordsError(
            f"{source} holds no images (looked at any depth for {', '.join(sorted(EXTENSIONS))})"
        )
    found, ignored = _by_folder(scan, layout)
    if lists or layout == "list" or (layout == "auto" and _has_no_labels(found)):
        lists = lists or find_lists(scan)
        if not lists and layout == "list":
            raise ConfigError(
                f"{scan.root} has no list file: expected train.txt or labels.csv with lines "
                "path,label"
            )
    if label_column is not None and not lists:
        raise ConfigError(
            f"label column {label_column} was given, but {source} is not read from a list file; "
            "add the layout list"
        )
    missing = scan.missing
    if lists:
        found, ignored, absent = read_lists(scan, lists, label_column)
        missing += absent
        if not found:
            raise RecordsError(f"{lists[0]} names no image that exists below {scan.root}")
    kind = "list" if lists else _kind(found)
    listing = _listing(scan.root, kind, found, missing, ignored, class_names)
    return replace(listing, left_out=scan.left_out)


def numbered_name(path: str) -> int | None:
    """The label in a file name `label_number.ext`, or None."""
    match = _LABEL_NAME.fullmatch(path.rpartition("/")[2])
    return int(match[1]) if match else None


def _by_folder(scan: Scan, layout: str) -> tuple[list[Found], list[Skipped]]:
    """Samples by the folders they lie in, whatever lists say."""
    prefix, top = _top_folders(scan.images)
    with_splits = any(split_of(f) for f in top) and (
        any(split_of(f) == "train" for f in top) or all(split_of(f) for f in top if f)
    )
    groups: dict[str, list[tuple[str, str]]] = {}
    ignored: list[Skipped] = []
    for path in scan.images:
        rest = path[len(prefix) :]
        first, _, below = rest.partition("/")
        split = split_of(first) if with_splits and below else None
        if with_splits and split is None:
            ignored.append(Skipped(name=path, reason="outside the split folders"))
            continue
        groups.setdefault(split or DEFAULT_SPLIT, []).append((path, below if split else rest))
    found: list[Found] = []
    for split, members in groups.items():
        found += _label_group(split, members, layout, ignored)
    return found, ignored


def _top_folders(images: Sequence[str]) -> tuple[str, Counter[str]]:
    """The prefix of lone wrapping folders, and the folders (or "" for files) right below it."""
    prefix = ""
    while True:
        top = Counter(
            path[len(prefix) :].partition("/")[0] if "/" in path[len(prefix) :] else ""
            for path in images
        )
        only = next(iter(top))
        if len(top) > 1 or not only or split_of(only):
            return prefix, top
        deeper = prefix + only + "/"
        # A lone folder that holds images itself is a class, not a wrapping.
        if any("/" not in path[len(deeper) :] for path in images):
            return prefix, top
        prefix = deeper


def _label_group(
    split: str, members: list[tuple[str, str]], layout: str, ignored: list[Skipped]
) -> list[Found]:
    """Labels of one split's images, given as (path, path below the split)."""
    if layout == "flat":
        return [Found(path=path, split=split, label=None) for path, _ in members]
    in_folders = [(path, rest) for path, rest in members if "/" in rest]
    loose = [path for path, rest in members if "/" not in rest]
    if layout != "names" and in_folders:
        reason = "beside the class folders, not in one"
        ignored.extend(Skipped(name=path, reason=reason) for path in loose)
        return [
            Found(path=path, split=split, label=rest.rpartition("/")[0])
            for path, rest in in_folders
        ]
    if layout == "classes":
        # Test images are often distributed without labels.
        return [Found(path=path, split=split, label=None) for path, _ in members]
    paths = [path for path, _ in members]
    labels = [numbered_name(path) for path in paths]
    strays = [path for path, label in zip(paths, labels, strict=True) if label is None]
    numbers = {label for label in labels if label is not None and label >= 0}
    # Dates such as 20240131_1.jpg are no labels: class numbers have few gaps.
    plausible = layout == "names" or (bool(numbers) and max(numbers) < 4 * len(numbers) + 16)
    if strays and plausible and len(strays) * 2 < len(paths):
        raise ConfigError(
            f"{strays[0]} is not named label_number like the {len(paths) - len(strays)} other "
            f"images of {split}; move it away, or choose the layout flat"
        )
    labelled = plausible and not strays
    return [
        Found(path=path, split=split, label=label if labelled else None)
        for path, label in zip(paths, labels, strict=True)
    ]


def _has_no_labels(found: Sequence[Found]) -> bool:
    """Whether folders and names tell nothing: a lone folder may just be called `images`."""
    return _kind(found) == "flat" or len({f.label for f in found if f.label is not None}) == 1


def _kind(found: Iterable[Found]) -> str:
    labels = {type(f.label) for f in found}
    return "classes" if str in labels else "names" if int in labels else "flat"


def _listing(
    root: Path,
    layout: str,
    found: list[Found],
    missing: tuple[Skipped, ...],
    ignored: Sequence[Skipped],
    class_names: str | Path | None,
) -> Listing:
    names = [f.label for f in found]
    notes: list[str] = []
    if layout == "classes":
        folders = [(f.split, f.label) for f in found if isinstance(f.label, str)]
        titles, notes = folder_titles(folders)
        names = [titles[n] if isinstance(n, str) else n for n in names]
    labels, classes = number_labels(root, names, class_names)
    present = {f.split for f in found}
    splits: dict[str, tuple[int, int]] = {}
    order: list[int] = []
    for split in [s for s in _SPLIT_ORDER if s in present]:
        members = [i for i, f in enumerate(found) if f.split == split]
        splits[split] = (len(order), len(order) + len(members))
        order += members
    return Listing(
        root=root,
        layout=layout,
        paths=[found[i].path for i in order],
        labels=labels[np.array(order, np.int64)],
        classes=classes,
        splits=splits,
        missing=missing,
        ignored=tuple(ignored),
        notes=tuple(notes),
    )
