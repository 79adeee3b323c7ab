"""Lists against folders: which of them says the splits of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from headrace.pipeline.containers.manifest import DEFAULT_SPLIT, Skipped
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.folders.reading import FolderReading
from headrace.pipeline.layouts.lists.list_sets import ListSet
from headrace.pipeline.layouts.weighing import Verdict, as_flags


def choose_splits_set(
    sets: Sequence[ListSet],
    labels: ListSet | None,
    folder: FolderReading,
    passed_over: list[Skipped],
) -> ListSet | None:
    """The lists that say which images are in which split; none where several together say just
    what folders say, as ImageNet's do.

    Raises:
        ConfigError: two lists do, and differ.
    """
    if labels is not None and labels.splits:
        pool = [labels]
    else:
        pool = [one for one in sets if one.splits and (one is labels or not one.labels)]
    for one in sets:
        if one is labels or one in pool or any(s.name == one.name for s in passed_over):
            continue
        reason = str(one.question).removeprefix(f"{one.name}: ") if one.question else (
            _says_nothing(one) if not one.splits
            else "other lists say the splits"
        )  # fmt: skip
        passed_over.append(Skipped(name=one.name, reason=reason))
    if not pool:
        return None
    if len(pool) > 1 and _say_the_folders(pool, folder):
        reason = "the folders say the same splits"
        passed_over += [Skipped(name=one.name, reason=reason) for one in pool]
        return None
    best = max(pool, key=lambda one: len(one.splits))
    for other in pool:
        if other is best:
            continue
        differ = [p for p, s in other.splits.items() if best.splits.get(p, s) != s]
        if differ or set(other.splits) - set(best.splits):
            raise ConfigError(
                f"{best.name} and {other.name} both divide the images into splits, and differ; "
                f"say which you mean: {as_flags(best.name)}"
            )
        passed_over.append(Skipped(name=other.name, reason=f"{best.name} says the same splits"))
    return best


def _say_the_folders(sets: Sequence[ListSet], folder: FolderReading) -> bool:
    """Whether lists hold all images of the split folders, each in its folder's split alone."""
    if not folder.has_splits:
        return False
    said: dict[str, set[str]] = {}
    for one in sets:
        for path, splits in one.splits.items():
            said.setdefault(path, set()).update(splits)
    return said == {f.path: {f.split} for f in folder.found}


def _says_nothing(one: ListSet) -> str:
    columns = [f"{s.name.rpartition(', ')[2]}: {s.reason}" for s in one.passed_over[:3]]
    more = f" ({'; '.join(columns)})" if columns else ""
    return f"it names images, and neither labels nor splits{more}"


def splits_of(
    folder: FolderReading, lists: ListSet | None, explicit: bool, verdict: Verdict
) -> dict[str, tuple[str, ...]]:
    """The splits of each image.

    Raises:
        ConfigError: folders and lists say different ones.
    """
    by_folder = {f.path: f.split for f in folder.found}
    if lists is None or not lists.splits:
        return {path: (split,) for path, split in by_folder.items()}
    result: dict[str, tuple[str, ...]] = {}
    known = {s for found in lists.splits.values() for s in found}
    held_out: Counter[str] = Counter()
    for path, found in lists.splits.items():
        if not found:
            continue
        result[path] = found
        there = by_folder.get(path)
        if not folder.has_splits or there is None or there in found:
            continue
        if explicit or (there == DEFAULT_SPLIT and there in known):
            held_out[found[0]] += 1
            continue
        raise ConfigError(
            f"{lists.name} puts {path} into {found[0]}, its folder into {there}; say "
            f"--split-column none or --split {there}=DIR for the folders, or "
            f"{as_flags(lists.name)} for the list"
        )
    for split, count in held_out.items():
        verdict.notes.append(
            f"{count} images of {split} by {lists.name} lie in the folder of another split"
        )
    return result
