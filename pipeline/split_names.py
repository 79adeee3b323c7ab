"""Names of splits that mean the same: a folder `valid` is packed as the split `val`."""

from __future__ import annotations

from collections.abc import Iterable

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "trainval": "train",
    "trn": "train",
    "val": "val",
    "valid": "val",
    "validate": "val",
    "validation": "val",
    "dev": "val",
    "eval": "val",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "evaluation": "test",
}
"""Words that folders, lists and users call splits by, in lower case, and the split of each."""


def split_called(name: str, splits: Iterable[str]) -> str | None:
    """The split that a name means: the one of that name, or the only one of another that says it.

    Args:
        name: as a user gives it, an expression excepted.
        splits: names of all there are.

    Returns:
        The split's name; None if there is none, or more than one that it could be.
    """
    known = list(splits)
    if name in known:
        return name
    meant = SPLIT_NAMES.get(name.lower())
    found = [split for split in known if meant and SPLIT_NAMES.get(split.lower()) == meant]
    return found[0] if len(found) == 1 else None


def split_line(flag: str, name: str, splits: Iterable[str]) -> str:
    """What to say where a flag's name is not the split's own; "" where it is, or there is none."""
    found = split_called(name, splits)
    return "" if found in (None, name) else f"{flag} {name}: the split is called {found} here"
