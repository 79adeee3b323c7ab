"""The question about folders that may be parts of a set, since names in them tell other classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.folders.numbered_names import numbered_name, plausible_numbers


def ask_crossing(folders: Mapping[str, str]) -> ConfigError | None:
    """The question where several folders each hold several labels, the same ones, by their names:
    `A/0_1.jpg`, `A/1_2.jpg`, `B/0_3.jpg`, `B/1_4.jpg`.

    Words in place of the numbers are no more than noted, see `words_in_names`: within a class they
    tell apart cameras, places or what was done to an image more often than classes.

    Args:
        folders: image to its class folder, of a set whose folders say no splits.
    """
    first = next(iter(folders))
    # There may be millions of images: where names are like their folder, one tells it.
    beside = [path for path, folder in folders.items() if folder == folders[first]]
    if len({numbered_name(path) for path in beside}) < 2 or not plausible_numbers(list(folders)):
        return None
    marks = {path: numbered_name(path) for path in folders}
    if None in marks.values() or not _cross(folders, marks):
        return None
    a, b = sorted(set(folders.values()))[:2]
    count = len(set(marks.values()))
    return ConfigError(
        f"names such as {first} begin with one of {count} numbers in {a} and in {b}: which are the "
        "classes? say --layout names if the numbers are (and --split NAME=FOLDER for each part of "
        f"the set), or --layout classes if {a} and {b} are"
    )


def _cross(folders: Mapping[str, str], marks: Mapping[str, object]) -> bool:
    """Whether each folder has several marks, and each mark several folders and images."""
    pairs = Counter((folders[path], mark) for path, mark in marks.items())
    by_folder = Counter(folder for folder, _ in pairs)
    by_mark = Counter(mark for _, mark in pairs)
    least = min(*by_folder.values(), *by_mark.values())
    return least > 1 and 2 * len(pairs) <= len(folders)
