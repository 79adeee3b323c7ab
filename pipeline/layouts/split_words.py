"""Which split a name stands for: `seg_train`, `trainLabels.csv`, `test_images`, `Validation`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from headrace.pipeline.split_names import SPLIT_NAMES

# Words beside the split that say nothing of what is in the folder.
NEUTRAL = frozenset(
    "images image imgs img pics pictures photos jpg jpeg jpegs png set sets data dataset datasets "
    "folder folders files split splits list lists label labels annotation annotations gt truth "
    "ground solution csv resized cropped crops original official metadata meta "
    "file info".split()
)
# Words of folders that hold a part of a set: part1, images_002.
CHUNKS = frozenset(
    "part parts batch chunk images image img imgs folder dir shard set split vol volume archive "
    "data fold zip download subset group".split()
)
# Splits that a set may have beside train, val and test.
_OWN_WORDS = frozenset(("trainval", "dev", "eval", "evaluation"))
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")


@lru_cache(maxsize=4096)
def split_in(name: str) -> tuple[str, str] | None:
    """The split that a name speaks of and the words beside it, or None.

    `trainval` is training data: what is held out has a list or folder of its own. A name with two
    splits (`train_test_split`) speaks of none.
    """
    tokens = [part for token in _TOKEN.findall(name) for part in _parts(token.lower())]
    splits = {SPLIT_NAMES[token] for token in tokens if token in SPLIT_NAMES}
    if splits == {"train", "val"} and "trainval" not in tokens and len(tokens) == 2:
        return "train", ""
    if len(splits) != 1:
        return None
    rest = [token for token in tokens if token not in SPLIT_NAMES]
    return next(iter(splits)), " ".join(rest)


def split_word(name: str) -> str:
    """The word by which a name speaks of a split that may be another one than that of the split's
    own name: `dev` of `Dev_images`, "" of `validation`."""
    tokens = [part for token in _TOKEN.findall(name) for part in _parts(token.lower())]
    return " ".join(token for token in tokens if token in _OWN_WORDS)


def _parts(token: str) -> tuple[str, ...]:
    """A token, or two that are written as one: `trainlist` of UCF-101, `testset`."""
    for start in ("train", "test", "valid", "val"):
        if token.startswith(start) and token[len(start) :] in NEUTRAL:
            return start, token[len(start) :]
    return (token,)


def is_neutral(words: str) -> bool:
    """Whether words beside a split's name tell nothing else."""
    return all(word in NEUTRAL or word.isdecimal() for word in words.split())


def list_split(stem: str) -> str | None:
    """The split that a list's name stands for, or None."""
    found = split_in(stem)
    return found[0] if found else None


def split_folders(names: Iterable[str]) -> dict[str, str]:
    """Those of some sibling folders that are called like splits.

    A word beside the split counts for nothing where it is neutral (`test_images`), or where two
    splits share it (`seg_train` and `seg_test`); `train station` alone is no split.

    Returns:
        folder to split.
    """
    read = {name: found for name in names if (found := split_in(name))}
    by_rest: dict[str, set[str]] = {}
    for split, rest in read.values():
        by_rest.setdefault(rest, set()).add(split)
    return {
        name: split
        for name, (split, rest) in read.items()
        if is_neutral(rest) or len(by_rest[rest]) > 1
    }


def split_cell(cell: str) -> str | None:
    """The split that a cell of a list stands for, or None."""
    found = split_in(cell.strip())
    return (
        found[0] if found and (is_neutral(found[1]) or found[1] in ("public", "private")) else None
    )


def words_beside_numbers(name: str) -> str:
    """The words of a name without numbers and single letters: `HAM10000_part_1` is `ham part`."""
    tokens = [token.lower() for token in _TOKEN.findall(name)]
    return " ".join(token for token in tokens if not token.isdecimal() and len(token) > 1)
