"""What is wrong with images that are there twice: two splits, two labels, two folds, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headrace.pipeline.records import Records
from headrace.tools.reviewing.near_doubles import Group

TWO_SPLITS, TWO_LABELS, TWO_FOLDS = "two splits", "two labels", "two folds"
_ORDER = (TWO_LABELS, TWO_SPLITS, TWO_FOLDS)
NO_FOLD = -1


@dataclass(frozen=True, kw_only=True)
class Doubles:
    """A group with what is wrong with it.

    Attributes:
        group: the samples.
        wrong: of TWO_LABELS, TWO_SPLITS and TWO_FOLDS those that hold; the last is said where
            they are in one split.
    """

    group: Group
    wrong: tuple[str, ...]


def split_of_each(records: Records) -> list[str]:
    """(N,) the split of each record, "" for one that is in none."""
    found = [""] * len(records)
    for name, (start, stop) in records.splits.items():
        found[start:stop] = [name] * (stop - start)
    return found


def judged(
    groups: Sequence[Group], records: Records, splits: Sequence[str], folds: np.ndarray
) -> tuple[list[Doubles], int]:
    """The groups in which something is wrong, the worst first, and how many others there are.

    Args:
        groups: of samples that look the same.
        records: their labels.
        splits: (N,) of all records, as `split_of_each` finds them.
        folds: (N,) int64 of all records, NO_FOLD for those that are in none.
    """
    found = []
    for group in groups:
        labels = set(records.labels[group.indices].tolist()) - {-1}
        places = {splits[index] for index in group.indices}
        within = set(folds[group.indices].tolist()) - {NO_FOLD}
        holds = {
            TWO_LABELS: len(labels) > 1,
            TWO_SPLITS: len(places) > 1,
            TWO_FOLDS: len(places) == 1 and len(within) > 1,
        }
        wrong = tuple(what for what in _ORDER if holds[what])
        if wrong:
            found.append(Doubles(group=group, wrong=wrong))
    found.sort(key=lambda doubles: [what not in doubles.wrong for what in _ORDER])
    return found, len(groups) - len(found)
