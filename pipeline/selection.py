"""Which records take part: splits by name, sums and differences of them, shares.

An expression is read from left to right::

    train               one split
    train+val           both
    fold*-fold2         every split that the pattern fits, but one
    all-test            every sample, but a split
    train[:10%]         the first tenth of each class, in the order of the file
    train[10%:]         the rest
    train[:500]         the first 500 samples

A name that a split has is taken as it is, whatever characters are in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

import numpy as np

from headrace.pipeline.errors import RecordsError

EVERYTHING = "all"
_SHARE = re.compile(r"(.+)\[([^\[\]:]*):([^\[\]:]*)\]")
_BOUND = re.compile(r"([0-9]+|[0-9]+\.[0-9]+(?=%))(%?)")


def is_expression(text: str) -> bool:
    """Whether a text can only be meant as an expression, not as the name of one split."""
    return text == EVERYTHING or bool(set(text) & set("+-*?["))


def select(
    expression: str, splits: Mapping[str, tuple[int, int]], labels: np.ndarray
) -> np.ndarray:
    """The records that an expression means.

    Args:
        expression: see the module's text.
        splits: split name to half-open range of records.
        labels: (N,) int64 of all records, for shares of each class.

    Returns:
        (n,) int64 record indices, ascending, each once.

    Raises:
        RecordsError: if a name fits no split, or a share makes no sense.
    """
    taken = np.zeros(len(labels), bool)
    for sign, term in _terms(expression, splits):
        members = _members(term, expression, splits, labels)
        taken[members] = sign == "+"
    return np.flatnonzero(taken)


def _terms(expression: str, splits: Mapping[str, tuple[int, int]]) -> list[tuple[str, str]]:
    """(sign, term) each; the name of a split is never taken apart."""
    signed = sorted((name for name in splits if set(name) & {"+", "-"}), key=len, reverse=True)
    piece = "|".join([*map(re.escape, signed), "[^-+]"])
    parts = re.findall(rf"[-+]|(?:{piece})+", expression)
    terms, signs = [part.strip() for part in parts[::2]], ["+", *parts[1::2]]
    if len(signs) != len(terms) or not all(terms) or set(terms) & {"+", "-"}:
        raise RecordsError(
            f"split {expression!r}, which makes no sense: expected NAME, NAME+NAME, NAME-NAME or "
            "NAME[:10%]"
        )
    return list(zip(signs, terms, strict=True))


def _members(
    term: str, expression: str, splits: Mapping[str, tuple[int, int]], labels: np.ndarray
) -> np.ndarray:
    """(n,) int64 record indices of one term."""
    if term in splits:
        return np.arange(*splits[term])
    share = _SHARE.fullmatch(term)
    name = share[1].strip() if share else term
    spans = [span for split, span in splits.items() if fnmatchcase(split, name)]
    if name == EVERYTHING and not spans:
        spans = [(0, len(labels))]
    if not spans:
        of = "" if name == expression else f" (in {expression!r})"
        raise RecordsError(f"no split {name!r}{of}; it has {', '.join(splits)}")
    members = np.concatenate([np.arange(*span) for span in spans])
    return members if share is None else members[_within(share, labels[members])]


def _within(share: re.Match[str], labels: np.ndarray) -> np.ndarray:
    """(n,) bool: which samples lie between the bounds of a share."""
    low, high = share[2].strip(), share[3].strip()
    bounds = [_BOUND.fullmatch(text) for text in (low, high) if text]
    if None in bounds or len({bound[2] for bound in bounds if bound}) > 1:
        raise RecordsError(
            f"no {share[0]!r}: the share in it makes no sense, expected two whole numbers or two "
            "percentages, of which one may be missing"
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
