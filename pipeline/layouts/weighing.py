"""Lists against folders: which of them labels the images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.folders.reading import FolderReading
from headrace.pipeline.layouts.listing import Found
from headrace.pipeline.layouts.lists.list_sets import ListSet, is_form
from headrace.pipeline.wording import counted

_FLAGS = "--layout classes takes the folders, --layout list the list"


@dataclass(kw_only=True)
class Verdict:
    """What labels and splits were taken.

    Attributes:
        found: samples.
        layout: which one was taken.
        why: one sentence.
        lists: list files that were looked at, whether or not they could be read.
        notes, ignored, passed_over, missing, lines: see Listing.
        used: files whose content was taken, as the lists are called.
    """

    found: list[Found]
    layout: str
    why: str
    lists: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ignored: list[Skipped] = field(default_factory=list)
    passed_over: list[Skipped] = field(default_factory=list)
    missing: list[Skipped] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)


def as_flags(name: str) -> str:
    """The flags that name the lists of a set."""
    return "--list " + name.replace(" and ", " --list ")


def choose_set(sets: Sequence[ListSet], passed_over: list[Skipped]) -> ListSet | None:
    """The lists that label the images, or of several those that know most.

    Raises:
        ConfigError: two lists label them differently.
    """
    labelled = [one for one in sets if one.labels]
    labelled = _without_forms(labelled, passed_over)
    if any(one.is_told for one in labelled):
        for one in labelled:
            if not one.is_told:
                reason = "another list has a column that is called the label"
                passed_over.append(Skipped(name=one.name, reason=reason))
        labelled = [one for one in labelled if one.is_told]
    if not labelled:
        return None
    best = max(labelled, key=lambda one: (bool(one.splits), len(one.labels)))
    for other in labelled:
        if other is best:
            continue
        shared = [path for path in other.labels if path in best.labels]
        if not shared or not _same_partition(best.labels, other.labels, shared):
            what = f"differ in the labels of {len(shared)}" if shared else "name different ones"
            raise ConfigError(
                f"{best.name} and {other.name} both list images and {what}; say which you mean: "
                f"{as_flags(best.name)}"
            )
        if len(other.labels) > 1.1 * len(best.labels):
            raise ConfigError(
                f"{best.name} and {other.name} both list images, {len(best.labels)} and "
                f"{len(other.labels)} of them; say which you mean: {as_flags(other.name)}"
            )
        reason = f"{best.name} says the same of {counted(len(shared), 'image')}"
        passed_over.append(Skipped(name=other.name, reason=reason))
    return best


def _without_forms(sets: list[ListSet], passed_over: list[Skipped]) -> list[ListSet]:
    """Without what Kaggle calls a sample submission, and lists that say the same of all."""
    kept = []
    constants = [one for one in sets if len(set(one.labels.values())) == 1 < len(one.labels)]
    for one in sets:
        constant = one in constants and len(constants) < len(sets)
        if is_form(one.name):
            reason = "by its name a form for predictions, whose labels mean nothing"
        elif constant:
            reason = f"it says {next(iter(one.labels.values()))!r} of all images"
        else:
            kept.append(one)
            continue
        passed_over.append(Skipped(name=one.name, reason=reason))
    return kept


def labels_of(
    folder: FolderReading, lists: ListSet | None, config: LayoutConfig, verdict: Verdict
) -> dict[str, str | int]:
    """The label of each image, by folders, by lists, or by both where they complete each other.

    Raises:
        ConfigError: both label the images, and differently.
    """
    by_folder = {f.path: f.label for f in folder.found if f.label is not None}
    if lists is None or not lists.labels:
        return by_folder
    by_list: dict[str, str | int] = dict(lists.labels)
    labels = f"{lists.name} labels {counted(len(by_list), 'image')}"
    wants_lists = config.wants_lists and not _completes(by_list, folder, config)
    is_open = folder.tells_classes and folder.questions and not wants_lists
    if is_open and by_folder.keys().isdisjoint(by_list):
        raise folder.questions[0]  # which the labels of other images do not answer
    if wants_lists or not folder.tells_classes or folder.questions:
        verdict.layout = "list"
        verdict.why = f"list: {labels}, and folders do not"
        if wants_lists:
            verdict.why = f"list, as asked: {labels}"
        return by_list
    both = [path for path in by_list if path in by_folder]
    informative = {by_folder[path] for path in both}
    outside = {str(label) for path, label in by_folder.items() if path not in by_list}
    if both and len(informative) == 1 and len({lists.labels[p] for p in both}) > 1:
        # A lone folder such as val/images says nothing, where the list tells classes apart.
        both = []
        by_folder = {path: label for path, label in by_folder.items() if path not in by_list}
    if not both:
        strange = {str(label) for label in by_list.values()} - outside
        if not by_folder:
            verdict.layout, verdict.why = "list", f"list: {labels}"
            return by_list
        if strange:
            first = min(strange)
            mend = "take the images of classes that have no folder away"
            if first.isdecimal():
                mend = "write the folders' names in the place of numbers"
            raise ConfigError(
                f"{labels} and folders {len(by_folder)} others, "
                f"and {first!r} is no folder's name: {mend}, or choose: {_FLAGS}"
            )
        verdict.why = (
            f"classes: folders label {counted(len(by_folder), 'image')}, {lists.name} "
            f"{len(by_list)} others with the same classes"
        )
        return by_folder | {path: str(label) for path, label in by_list.items()}
    if not _same_partition(by_folder, by_list, both):
        agreeing = _share_agreeing(by_folder, by_list, both)
        raise ConfigError(
            f"folders and {lists.name} label the same {len(both)} images differently: "
            f"{len({by_folder[p] for p in both})} classes by folder, "
            f"{len({by_list[p] for p in both})} by the list, agreeing on {agreeing:.0%} at the "
            f"best; {_FLAGS}"
        )
    title = "the label in each name" if folder.kind == "names" else "each folder"
    verdict.notes.append(f"{lists.name} agrees with {title} on {counted(len(both), 'image')}")
    return by_folder | _translated(by_folder, by_list, both, lists.name)


def _completes(
    by_list: Mapping[str, str | int], folder: FolderReading, config: LayoutConfig
) -> bool:
    """Whether a list that was given labels what folders do not, with the folders' names."""
    by_folder = {f.path: f.label for f in folder.found if f.label is not None}
    return (
        config.layout == "auto"
        and folder.kind == "classes"
        and by_list.keys().isdisjoint(by_folder)
        and set(by_list.values()) <= set(by_folder.values())
    )


def _translated(
    by_folder: Mapping[str, str | int],
    by_list: Mapping[str, str | int],
    both: Sequence[str],
    name: str,
) -> dict[str, str | int]:
    """Labels of images that only the list labels, in the folders' words.

    Raises:
        ConfigError: too few images have both to tell which word is which.
    """
    pairs = Counter((by_list[path], by_folder[path]) for path in both)
    sure = {
        label: title
        for (label, title), count in pairs.items()
        if count > 1 or str(label) == str(title)
    }
    if all(label == title for label, title in pairs):  # the list speaks of folders by their names
        sure = {title: title for title in by_folder.values()}
    extra = [path for path in by_list if path not in by_folder]
    for path in extra:
        if by_list[path] not in sure:
            raise ConfigError(
                f"{name} labels {len(extra)} images more than folders do, and what it calls "
                f"{by_list[path]!r} has too few images in folders to tell their class; {_FLAGS}"
            )
    return {path: sure[by_list[path]] for path in extra}


def _same_partition(
    a: Mapping[str, str | int], b: Mapping[str, str | int], paths: Sequence[str]
) -> bool:
    """Whether two labellings tell the same images apart, whatever they call the classes."""
    pairs = {(a[path], b[path]) for path in paths}
    return len(pairs) == len({x for x, _ in pairs}) == len({y for _, y in pairs})


def _share_agreeing(
    a: Mapping[str, str | int], b: Mapping[str, str | int], paths: Sequence[str]
) -> float:
    counts = Counter((a[path], b[path]) for path in paths)
    best: dict[str | int, int] = {}
    for (x, _), count in counts.items():
        best[x] = max(best.get(x, 0), count)
    return sum(best.values()) / max(1, len(paths))
