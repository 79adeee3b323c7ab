"""Lists that leave open what they mean, and may not be passed over all the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.headings import is_split_heading
from headrace.pipeline.layouts.split_words import list_split, split_cell
from headrace.pipeline.layouts.text_files import read_text

_BETWEEN_WORDS = re.compile(r"[\s,;|:{}\"']+")


def ask_open_lists(
    lists: Sequence[tuple[Path, ConfigError]], read: Collection[Path], has_splits: bool
) -> None:
    """Asks about a split's list of which its neighbour's, or one of its name, is read, and about
    what may say splits that no folder says.

    Args:
        lists: each with its question.
        read: lists that leave nothing open.
        has_splits: whether folders say splits.

    Raises:
        ConfigError: the first such question.
    """
    divided = {path.parent for path in read if list_split(path.stem)}
    names = {path.name for path in read}
    for path, question in lists:
        is_split = list_split(path.stem) is not None
        if path.name in names or (is_split and path.parent in divided):
            raise question
        if not has_splits and (is_split or _may_divide(path)):
            raise question


def _may_divide(path: Path) -> bool:
    """Whether a text speaks of splits in its first line or in most others."""
    try:
        lines = read_text(path, "latin-1")[0].splitlines()
    except ConfigError:
        return False
    rows = [_BETWEEN_WORDS.split(line.strip()) for line in lines if line.strip()]
    said = [any(map(split_cell, words)) for words in rows]
    return bool(rows) and (
        said[0] or any(map(is_split_heading, rows[0])) or 2 * sum(said) > len(said)
    )
