"""Lists that leave open what they mean, and may not be passed over all the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.lists.listfiles import ListReading
from headrace.pipeline.layouts.lists.split_column import SplitColumnQuestion
from headrace.pipeline.layouts.split_words import list_split
from headrace.pipeline.layouts.text_files import UnknownEncoding

Latin1Reader = Callable[[Path], ListReading | None]


def ask_open_lists(
    lists: Sequence[tuple[Path, ConfigError]],
    read: Collection[Path],
    has_splits: bool,
    as_latin_1: Latin1Reader,
) -> None:
    """Asks about a split's list of which its neighbour's, or one of its name, is read, and about
    what may say splits that no folder says.

    Args:
        lists: each with its question.
        read: lists that leave nothing open.
        has_splits: whether folders say splits.
        as_latin_1: reads a list whose encoding is not known, as one that any bytes are text in.

    Raises:
        ConfigError: the first such question.
    """
    divided = {path.parent for path in read if list_split(path.stem)}
    names = {path.name for path in read}
    for path, question in lists:
        is_split = list_split(path.stem) is not None
        if path.name in names or (is_split and (path.parent in divided or not has_splits)):
            raise question
        if not has_splits and _may_divide(path, question, as_latin_1):
            raise question


def _may_divide(path: Path, question: ConfigError, as_latin_1: Latin1Reader) -> bool:
    if not isinstance(question, UnknownEncoding):
        return isinstance(question, SplitColumnQuestion)
    try:
        return as_latin_1(path) is not None
    except ConfigError:
        return True
