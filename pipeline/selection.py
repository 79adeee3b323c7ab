"""Which records take part: splits by name, sums and differences of them, shares, classes, files.

An expression is read from left to right::

    train               one split
    train+val           both
    fold*-fold2         every split that the pattern fits, but one
    all-test            every sample, but a split
    train[:10%]         the first tenth of each class, in the order of the file
    train[10%:]         the rest
    train[:500]         the first 500 samples
    train[pear,apple]   those of some classes, by name
    train["a[1],b",c]   quotes around a name that holds a bracket, or a comma beside others
    train-@bad.txt      all but those that a file lists (pipeline/list_of_records.py)
    train | 20%, seed 0 a drawn share, or a fold, of all before the bar (pipeline/drawn_parts.py)

A name that a split has is taken as it is, whatever characters are in it; `valid` and `validation`
find `val`, where no other split could be meant (pipeline/split_names.py). A file's name ends at the
next + or - that has a space before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from headrace.pipeline.drawn_parts import BAR, FORMS, read_draw
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.list_of_records import read_list
from headrace.pipeline.near_names import choice_of, near_names
from headrace.pipeline.split_names import split_called

EVERYTHING = "all"
_SHARE = re.compile(r"(.+)\[([^\[\]:]*):([^\[\]:]*)\]")
_INSIDE = r"""(?:"[^"]*"|[^\[\]])*"""
_PART = re.compile(rf"(.+?)\[({_INSIDE})\]")
_COMMA = re.compile(r""",(?=(?:[^"]*"[^"]*")*[^"]*$)""")
"""A comma with an even number of quotes behind it: one between names."""
_BOUND = re.compile(r"([0-9]+|[0-9]+\.[0-9]+(?=%))(%?)")


def is_expression(text: str) -> bool:
    """Whether a text can only be meant as an expression, not as the name of one split."""
    return text == EVERYTHING or bool(set(text) & set("+-*?[@" + BAR))


@dataclass(frozen=True, kw_only=True)
class Known:
    """What there is to choose from.

    Attributes:
        splits: split name to half-open range of records.
        labels: (N,) int64 of all records.
        classes: class names.
        names: (N,) file names, or none.
    """

    splits: Mapping[str, tuple[int, int]]
    labels: np.ndarray
    classes: Sequence[str] = ()
    names: Sequence[str] = ()


def select(expression: str, known: Known) -> np.ndarray:
    """The records that an expression means.

    Args:
        expression: see the module's text.
        known: what there is.

    Returns:
        (n,) int64 record indices, ascending, each once.

    Raises:
        RecordsError: if a name fits no split or class, a share makes no sense, or a file cannot be
            read.
    """
    if expression not in known.splits and (draw := read_draw(expression)):
        whole = select(draw.whole, known)
        return whole[draw.of(known.labels[whole])]
    taken = np.zeros(len(known.labels), bool)
    for sign, term in _terms(expression, known.splits):
        members = _members(term, expression, known)
        taken[members] = sign == "+"
    return np.flatnonzero(taken)


def _terms(expression: str, splits: Mapping[str, tuple[int, int]]) -> list[tuple[str, str]]:
    """(sign, term) each; the names of splits and files, and what is in brackets, stay whole."""
    signed = sorted((name for name in splits if set(name) & {"+", "-"}), key=len, reverse=True)
    names = "|".join(map(re.escape, signed)) or "(?!)"
    whole = rf"(?:{names})(?=\s*[-+]|\s*$|[\[*?])"  # what goes on otherwise is another name
    file, rest = r"@.+?(?:\s+(?=[-+])|$)", rf"(?:\[{_INSIDE}\]|[^-+])*"
    term = re.compile(rf"\s*(?:{whole}{rest}|{file}|{rest})", re.DOTALL)
    terms: list[str] = []
    signs, place = ["+"], 0
    while True:
        found = term.match(expression, place)
        assert found is not None  # it matches nothing at all, too
        terms.append(found[0].strip())
        if found.end() == len(expression):
            break
        signs.append(expression[found.end()])
        place = found.end() + 1
    if not all(terms) or "@" in terms:
        raise RecordsError(
            f"no split {expression!r}: expected NAME, NAME+NAME, NAME-NAME, NAME[:10%], "
            "NAME[CLASS,CLASS] or @FILE"
        )
    return list(zip(signs, terms, strict=True))


def _members(term: str, expression: str, known: Known) -> np.ndarray:
    """(n,) int64 record indices of one term."""
    splits, labels = known.splits, known.labels
    if term in splits:
        return np.arange(*splits[term])
    if term.startswith("@"):
        return read_list(Path(term[1:].strip()), len(labels), known.names)
    share, part = _SHARE.fullmatch(term), _PART.fullmatch(term)
    if part and (part[2].strip() in known.classes or '"' in part[2]):
        share = None  # a class name may hold a colon
    name = part[1].strip() if part else term
    called = split_called(name, splits)
    wanted = [called] if called else [split for split in splits if fnmatchcase(split, name)]
    spans = [splits[split] for split in wanted]
    if name == EVERYTHING and not spans:
        spans = [(0, len(labels))]
    if not spans:
        if BAR in term:
            raise RecordsError(f"no split {expression!r}; after {BAR} comes {FORMS}")
        of = "" if name == expression else f" (in {expression!r})"
        raise RecordsError(f"no split {name!r}{of}; it has {', '.join(splits)}")
    members = np.concatenate([np.arange(*span) for span in spans])
    if share is not None:
        return members[_within(share, labels[members])]
    return members if part is None else members[_of_classes(part[2], labels[members], known)]


def _of_classes(text: str, labels: np.ndarray, known: Known) -> np.ndarray:
    """(n,) bool: which labels are among the classes named, between commas."""
    # A class name may hold a comma itself.
    parts = [part.strip() for part in _COMMA.split(text)]
    parts = [part if part in known.classes else _unquoted(part) for part in parts]
    whole = text.strip() in known.classes
    if whole and len(parts) > 1 and all(part in known.classes for part in parts):
        raise RecordsError(
            f"both a class {text.strip()!r} and all of {', '.join(parts)}: take them one by one, "
            "as NAME[CLASS]+NAME[CLASS]"
        )
    wanted = [text.strip()] if whole else parts
    numbers = []
    for name in wanted:
        if name not in known.classes:
            close = [*map(repr, near_names(name, known.classes))][:5]
            meant = f"did you mean {choice_of(close)}?" if close else _some(known.classes)
            raise RecordsError(f"no class {name!r}; {meant}")
        numbers.append(list(known.classes).index(name))
    return np.isin(labels, numbers)


def _unquoted(name: str) -> str:
    quoted = len(name) > 1 and name[0] == name[-1] == '"'
    return name[1:-1] if quoted else name


def _some(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - 10} more" if len(classes) > 10 else ""
    return f"it has {', '.join(classes[:10]) or 'none'}{more}"


def _within(share: re.Match[str], labels: np.ndarray) -> np.ndarray:
    """(n,) bool: which samples lie between the bounds of a share."""
    low, high = share[2].strip(), share[3].strip()
    bounds = [_BOUND.fullmatch(text) for text in (low, high) if text]
    if None in bounds or len({bound[2] for bound in bounds if bound}) > 1:
        raise RecordsError(
            f"no split {share[0]!r}: between the brackets expected two whole numbers or two "
            "percentages, as [10:20] or [:10%]; one of the two may be missing"
        )
    if any("%" in text for text in (low, high)):
        order = np.argsort(labels, kind="stable")
        _, first, counts = np.unique(labels[order], return_index=True, return_counts=True)
        place = np.empty(len(labels))
        # In hundredths of the class, so that all its samples lie from 0 to below 100.
        place[order] = (np.arange(len(labels)) - np.repeat(first, counts)) * 100.0
        place[order] /= np.repeat(counts, counts)
    else:
        place = np.arange(len(labels), dtype=np.float64)
    start, stop = (float(text.rstrip("%")) if text else None for text in (low, high))
    return (place >= (start or 0.0)) & (place < (np.inf if stop is None else stop))
