"""The question about folders that may be parts of a set, since names in them tell other classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.folders.name_hints import word_in_name
from headrace.pipeline.layouts.folders.numbered_names import numbered_name, plausible_numbers
from headrace.pipeline.layouts.split_words import NEUTRAL

# What cameras, scanners and browsers begin names with.
_MAKERS = frozenset("dsc dscn dscf p frame scan screenshot download unnamed index".split())


def ask_crossing(folders: Mapping[str, str]) -> ConfigError | None:
    """The question where several folders each hold several labels, the same ones, by their names:
    `A/0_1.jpg`, `A/1_2.jpg`, `B/0_3.jpg`, `B/1_4.jpg`.

    Args:
        folders: image to its class folder, of a set whose folders say no splits.
    """
    first = next(iter(folders))
    mark_of: Callable[[str], str | int | None] = word_in_name
    answer = "say --layout flat to pack without labels, --list for a list of them"
    if numbered_name(first) is not None and plausible_numbers(list(folders)):
        mark_of = numbered_name
        answer = (
            "say --layout names if they are the labels (and --split NAME=FOLDER for each part of "
            "the set)"
        )
    # There may be millions of images: where names are like their folder, one tells it.
    if len({mark_of(path) for path, folder in folders.items() if folder == folders[first]}) < 2:
        return None
    marks = {path: mark_of(path) for path in folders}
    if None in marks.values() or not _cross(folders, marks):
        return None
    a, b = sorted(set(folders.values()))[:2]
    values = {str(mark) for mark in marks.values()}
    return ConfigError(
        f"names such as {first} begin with one of {len(values)} labels "
        f"({', '.join(sorted(values)[:4])}) in {a} and in {b}: which are the classes? {answer}, or "
        f"--layout classes if {a} and {b} are"
    )


def _cross(folders: Mapping[str, str], marks: Mapping[str, object]) -> bool:
    """Whether each folder has several marks, and each mark several folders and images."""
    if {str(mark).casefold() for mark in marks.values()} & (NEUTRAL | _MAKERS):
        return False
    pairs = Counter((folders[path], mark) for path, mark in marks.items())
    by_folder = Counter(folder for folder, _ in pairs)
    by_mark = Counter(mark for _, mark in pairs)
    least = min(*by_folder.values(), *by_mark.values())
    return least > 1 and 2 * len(pairs) <= len(folders)
