"""What a name that nobody knows was meant to be, of those that somebody does."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

_LEAST_BEGUN = 3
"""So many letters of a name say which it may be."""


def near_names(name: object, known: Iterable[str]) -> list[str]:
    """The names that one may stand for: all that begin with it, else the nearest by spelling.

    Args:
        name: as it was given; case, and whether words are joined by - or _, mean nothing.
        known: what there is.
    """
    plain = {each: _plain(each) for each in known}
    wanted = _plain(str(name))
    begun = [each for each, text in plain.items() if text.startswith(wanted)]
    if begun and len(wanted) >= _LEAST_BEGUN:
        return begun
    near = difflib.get_close_matches(wanted, list(dict.fromkeys(plain.values())), 1)
    return [each for each, text in plain.items() if text in near][:1]


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`; did you mean trivial?`, to end a complaint with; "" where nothing is near."""
    return asked(near_names(name, known))


def asked(names: Iterable[str]) -> str:
    """The same for names that were found already."""
    found = list(names)
    return f"; did you mean {choice_of(found)}?" if found else ""


def choice_of(names: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-")
