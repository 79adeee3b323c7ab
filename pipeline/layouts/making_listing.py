"""From what was taken of folders and lists to the Listing: numbers, order, what is said."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.containers.pack_report import LeftOut
from headrace.pipeline.file_kinds import HEAD_BYTES, file_kind
from headrace.pipeline.layouts.classes import folder_titles, number_labels
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.leakage import shared_images
from headrace.pipeline.layouts.listing import Listing, name_below, natural_key
from headrace.pipeline.layouts.lists.label_values import label_values
from headrace.pipeline.layouts.lists.listfiles import NAMES_OF_CLASSES
from headrace.pipeline.layouts.scanning import Scan
from headrace.pipeline.layouts.unlabelled import unlabelled_note
from headrace.pipeline.layouts.weighing import Verdict

_SPLIT_ORDER = ("train", "val", "test")
_MANY_ALIKE = 5
_FIGURES = re.compile(r"\(.*?\)|[0-9]+")


def make_listing(scan: Scan, config: LayoutConfig, verdict: Verdict) -> Listing:
    """The samples in order, their labels as numbers, and a line for whatever was decided.

    Raises:
        ConfigError: labels contradict each other or the names of classes.
    """
    found = verdict.found
    names: list[str | int | None] = [f.label for f in found]
    notes = list(verdict.notes)
    if verdict.layout == "classes":
        folders = [(f.split, f.label) for f in found if isinstance(f.label, str)]
        titles, more = folder_titles(folders)
        notes += more
        names = [titles[n] if isinstance(n, str) else n for n in names]
    elif verdict.layout == "list":
        names = [unicodedata.normalize("NFC", n) if isinstance(n, str) else n for n in names]
        names = label_values(names, [f.split for f in found], config.no_label, notes)
    labels, classes, names_file = number_labels(scan.root, names, config, notes)
    taken, used = list(verdict.lines), set(verdict.used)
    if names_file is not None:
        called = name_below(scan.root, names_file)
        taken.append(f"class names from {called} ({len(classes)} names)")
        used.add(called)
    samples: dict[str, list[int]] = {}
    for i, f in enumerate(found):
        samples.setdefault(f.split, []).append(i)
    known = [split for split in _SPLIT_ORDER if split in samples]
    splits: dict[str, tuple[int, int]] = {}
    order: list[int] = []
    for split in [*known, *sorted(samples.keys() - set(known), key=natural_key)]:
        members = samples[split]
        splits[split] = (len(order), len(order) + len(members))
        order += members
        if split != "test" and classes and all(labels[i] < 0 for i in members):
            sample = found[members[0]].path
            notes.append(unlabelled_note(split, sample, classes, verdict.lists, scan))
    passed = [
        one for one in verdict.passed_over if one.name not in used or one.reason != NAMES_OF_CLASSES
    ]
    listing = Listing(
        root=scan.root,
        layout=verdict.layout,
        paths=[found[i].path for i in order],
        labels=labels[np.array(order, np.int64)],
        classes=classes,
        splits=splits,
        why=verdict.why,
        taken=tuple(taken),
        passed_over=tuple(_grouped(passed)),
        missing=(*scan.missing, *verdict.missing),
        ignored=tuple(verdict.ignored),
        left_out=tuple(_without(scan, used)),
        notes=tuple(notes),
    )
    return replace(listing, notes=(*notes, *shared_images(listing)))


def _without(scan: Scan, used: set[str]) -> Iterator[LeftOut]:
    """What was left out, but for files whose content was taken: of them nothing was."""
    kinds: Counter[tuple[str, str | None]] = Counter()
    for name in used:
        if not Path(name).is_absolute() and (scan.root / name).is_file():
            kind = file_kind(name.rpartition("/")[2], partial(_head, scan.root / name))
            kinds[kind.title, kind.obstacle] += 1
    for group in scan.left_out:
        count = group.count - kinds[group.kind, group.reason]
        examples = tuple(name for name in group.examples if name not in used)
        if count > 0:
            yield replace(group, count=count, examples=examples)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _grouped(skipped: Sequence[Skipped]) -> list[Skipped]:
    """Many lists of one kind as one: a set may have a list of boxes for each class."""
    kinds: dict[tuple[str, str], list[Skipped]] = {}
    for one in skipped:
        reason = _FIGURES.sub("", one.reason)
        kinds.setdefault((one.name.rpartition(".")[2], reason), []).append(one)
    result = []
    for group in kinds.values():
        if len(group) > _MANY_ALIKE:
            name = f"{group[0].name} and {len(group) - 1} more such"
            group = [Skipped(name=name, reason=group[0].reason)]
        result += group
    return result
