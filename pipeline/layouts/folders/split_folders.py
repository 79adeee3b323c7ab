"""Divides images by folders that are called like splits, and tells those from classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.listing import split_of
from headrace.pipeline.layouts.split_words import (
    CHUNKS,
    NEUTRAL,
    is_neutral,
    split_folders,
    split_in,
    split_word,
    words_beside_numbers,
)

Members = list[tuple[str, str]]
_DEEPEST = 4


class SplitQuestion(ConfigError):
    """Folders leave open which images are in which split."""


def divide(
    images: Sequence[str],
    config: LayoutConfig,
    ignored: list[Skipped],
    notes: list[str],
    questions: list[ConfigError],
) -> dict[str | None, Members]:
    """Images by split, each as (path, path below the split's folder).

    Args:
        images: paths relative to the scanned folder.
        config: with the split folders that the user gave.
        ignored, notes, questions: what goes on there is added to them.

    Returns:
        split to members; the split is None if no folder says one.
    """
    if config.split_folders:
        return _given(images, config, ignored)
    folders_held = folders_of(images)
    prefix, top = top_folders(folders_held)
    rests = [path[len(prefix) :] for path in images]
    parts = [folder[len(prefix) :].split("/")[:-1] for folder in folders_held]
    all_splits = set(split_folders(name for name in top if name)) == set(top)
    if not all_splits and (inside := _below_classes(images, rests, parts, notes)):
        return inside
    splits = _splits_at_top(folders_held, prefix, top, config.layout, notes, questions)
    if not splits:
        _ask_below(parts, questions)
        return {None: list(zip(images, rests, strict=True))}
    groups: dict[str | None, Members] = {}
    for path in images:
        first, _, below = path[len(prefix) :].partition("/")
        split = splits.get(first) if below else None
        if split is None:
            ignored.append(Skipped(name=path, reason="outside the split folders"))
        else:
            groups.setdefault(split, []).append((path, below))
    for split in sorted(set(splits.values())):
        folders = sorted(f for f, s in splits.items() if s == split)
        if folders != [split]:
            notes.append(f"split {split} is the folder {' and '.join(folders)}")
        if config.layout != "flat" and len({split_word(folder) for folder in folders}) > 1:
            questions.append(
                SplitQuestion(
                    f"{' and '.join(folders)} are both {split} by their names: say "
                    + " ".join(f"--split {split}={prefix}{folder}" for folder in folders)
                    + " to join them (and --split for each other split), or another name for one"
                )
            )
        words = {found[1] for folder in folders if (found := split_in(folder))}
        loose = all("/" not in below for _, below in groups[split])
        if config.layout == "auto" and len(words) > 1 and loose and not all(map(is_neutral, words)):
            questions.append(
                SplitQuestion(
                    f"{' and '.join(folders[:2])} are both {split} and hold images, no folders of "
                    f"classes: are {' and '.join(sorted(words)[:2])} the classes? sort the images "
                    f"into folders {split}/CLASS, or say --layout flat for no labels"
                )
            )
    return groups


def folders_of(paths: Iterable[str]) -> Counter[str]:
    """Folders that hold images, and how many: with a slash at the end, "" for the outermost.

    There may be millions of images, and far fewer folders to ask questions about.
    """
    return Counter(path[: path.rfind("/") + 1] for path in paths)


def top_folders(folders: Collection[str]) -> tuple[str, list[str]]:
    """The prefix of lone wrapping folders, and the folders (or "" for files) right below it.

    Args:
        folders: see `folders_of`.
    """
    prefix = ""
    while True:
        top = list(dict.fromkeys(folder[len(prefix) :].partition("/")[0] for folder in folders))
        only = top[0]
        if len(top) > 1 or not only or split_folders([only]):
            return prefix, top
        deeper = prefix + only + "/"
        # A lone folder that holds images itself is a class, not a wrapping.
        if deeper in folders:
            return prefix, top
        prefix = deeper


def is_wrapping(folder: str) -> bool:
    """Whether a folder's name says nothing of what is in it: `images`, `training_set`."""
    found = split_in(folder)
    words = found[1] if found else words_beside_numbers(folder)
    return bool(found or words) and (is_neutral(words) or set(words.split()) <= CHUNKS | NEUTRAL)


def _prefix(folder: str) -> str:
    """What the paths of a folder's images begin with; "." is the source itself."""
    parts = [part for part in folder.split("/") if part not in ("", ".")]
    return "".join(f"{part}/" for part in parts)


def _given(
    images: Sequence[str], config: LayoutConfig, ignored: list[Skipped]
) -> dict[str | None, Members]:
    places = [(_prefix(folder), split_of(s) or s) for s, folder in config.split_folders]
    groups: dict[str | None, Members] = {}
    for path in images:
        fits = [(place, split) for place, split in places if path.startswith(place)]
        if not fits:
            reason = "outside the folders given with --split"
            ignored.append(Skipped(name=path, reason=reason))
            continue
        place, split = max(fits, key=lambda fit: len(fit[0]))
        groups.setdefault(split, []).append((path, path[len(place) :]))
    for place, split in places:
        if not any(path.startswith(place) for path in images):
            raise ConfigError(f"--split {split}={place.rstrip('/') or '.'}: no image lies there")
    return groups


def _splits_at_top(
    folders: Mapping[str, int], prefix: str, top: Collection[str], layout: str,
    notes: list[str], questions: list[ConfigError],
) -> dict[str, str]:  # fmt: skip
    """Which of the top folders are splits."""
    splits = split_folders(name for name in top if name)
    others = [name for name in top if name and name not in splits]
    if not splits:
        return {}
    nested = _nested(folders, prefix)
    if not any(name in nested for name in splits):
        if layout == "classes" and len(top) > 1:
            if not others:
                notes.append(f"{' and '.join(sorted(splits))} are taken for classes, as asked")
            return {}
        if others and not any(name in nested for name in others):
            if len(splits) == 1 < len(others):
                name = next(iter(splits))
                notes.append(
                    f"{name} is taken for a class as {', '.join(sorted(others)[:3])} are; say "
                    f"--split {splits[name]}={prefix}{name} if it is a split"
                )
                return {}
            questions.append(_splits_or_classes(prefix, splits, others))
    # One folder beside the only split may be of anything; several are as it is, or hold the rest.
    if len(set(splits.values())) == 1 and (len(others) > 1 or any(o in nested for o in others)):
        if layout == "classes":
            return {}
        questions.append(_splits_or_classes(prefix, splits, others))
    return splits


def _splits_or_classes(prefix: str, splits: dict[str, str], others: Sequence[str]) -> SplitQuestion:
    name, split = next(iter(splits.items()))
    return SplitQuestion(
        f"is {prefix}{name} a split, or something as {prefix}{sorted(others)[0]} beside it? say "
        f"--split {split}={prefix}{name} for each split, --split train=. if all is "
        "one, or --layout classes if they are classes"
    )


def _nested(folders: Mapping[str, int], prefix: str) -> set[str]:
    """Top folders that hold most of their images in folders of their own."""
    inner: Counter[str] = Counter()
    for folder, count in folders.items():
        first, _, below = folder[len(prefix) :].partition("/")
        inner[first] += count if "/" in below else -count
    return {name for name, balance in inner.items() if balance > 0}


def _below_classes(
    images: Sequence[str], rests: Sequence[str], folders: Sequence[list[str]], notes: list[str]
) -> dict[str | None, Members]:
    """Splits that lie inside each class, if they do: `cats/train/1.jpg`."""
    shallowest = min(len(parts) for parts in folders)
    for level in range(1, min(shallowest, _DEEPEST)):
        names = {parts[level] for parts in folders}
        splits = split_folders(names)
        if len(splits) < len(names) or len(set(splits.values())) < 2:
            continue
        notes.append(f"{' and '.join(sorted(names))} inside the class folders are splits")
        groups: dict[str | None, Members] = {}
        for path, rest in zip(images, rests, strict=True):
            parts = rest.split("/")
            groups.setdefault(splits[parts[level]], []).append(
                (path, "/".join(parts[:level] + parts[level + 1 :]))
            )
        return groups
    return {}


def _ask_below(folders: Sequence[list[str]], questions: list[ConfigError]) -> None:
    """Asks about splits that lie inside some classes only."""
    inner = [parts for parts in folders if len(parts) > 1]
    splits = split_folders({parts[-1] for parts in inner})
    leaves = {splits.get(parts[-1]): "/".join(parts) for parts in inner}
    named = [folder for split, folder in leaves.items() if split]
    if len(named) > 1:
        questions.append(
            SplitQuestion(
                f"{named[0]} and {named[1]} are called like splits, and not all folders are "
                "divided so; say --split train=DIR for each, or --class-depth 1 if they are no "
                "splits"
            )
        )
