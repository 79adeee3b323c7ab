"""From what was taken of folders and lists to the Listing: numbers, order, what is said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.layouts.classes import folder_titles, number_labels
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.leakage import shared_images
from headrace.pipeline.layouts.listing import Listing, natural_key
from headrace.pipeline.layouts.lists.label_values import label_values
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
    labels, classes = number_labels(scan.root, names, config.class_names, notes)
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
    listing = Listing(
        root=scan.root,
        layout=verdict.layout,
        paths=[found[i].path for i in order],
        labels=labels[np.array(order, np.int64)],
        classes=classes,
        splits=splits,
        why=verdict.why,
        taken=tuple(verdict.lines),
        passed_over=tuple(_grouped(verdict.passed_over)),
        missing=(*scan.missing, *verdict.missing),
        ignored=tuple(verdict.ignored),
        left_out=scan.left_out,
        notes=tuple(notes),
    )
    return replace(listing, notes=(*notes, *shared_images(listing)))


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
