"""What occurs twice where it should not: bytes in two splits, bytes or names with two labels.

Keys are hashes in numpy arrays, so that a million files cost 16 MB and about a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from headrace.pipeline.containers.pack_report import (
    BYTES_IN_TWO_SPLITS,
    BYTES_WITH_TWO_LABELS,
    NAMES_WITH_TWO_LABELS,
    Double,
)

_EXAMPLES = 5
_MOST_BITS = 62
_MOST_COMBINATIONS = 10


def find_doubles(
    names: Sequence[str],
    labels: np.ndarray,
    splits: Mapping[str, tuple[int, int]],
    classes: Sequence[str],
    digests: np.ndarray | None,
) -> tuple[Double, ...]:
    """Looks for what occurs twice where it should not.

    Args:
        names: (N,) paths.
        labels: (N,) int64, negative for none.
        splits: split name to half-open range of samples.
        classes: class names.
        digests: (N, 2) uint64, of each file's bytes; None where they have not been read, so that
            only names can be compared.

    Returns:
        What was found; empty where all is well.
    """
    split_names = list(splits)
    split_of = np.full(len(names), -1, np.int64)
    for number, (start, stop) in enumerate(splits.values()):
        split_of[start:stop] = number

    def split_title(group: int) -> str:
        return split_names[group]

    def class_title(group: int) -> str:
        return classes[group] if group < len(classes) else str(group)

    found = []
    if digests is not None:
        found.append(
            _double(BYTES_IN_TWO_SPLITS, digests, split_of, names, split_title, combine=True)
        )
        found.append(_double(BYTES_WITH_TWO_LABELS, digests, labels, names, class_title))
    leaves = _hashes([name.rpartition("/")[2] for name in names])
    found.append(_double(NAMES_WITH_TWO_LABELS, leaves, labels, names, class_title))
    return tuple(double for double in found if double is not None)


def _hashes(texts: Sequence[str]) -> np.ndarray:
    """(N, 1) int64. Python's own hash, which differs between runs, does within one."""
    return np.fromiter((hash(text) for text in texts), np.int64, len(texts))[:, None]


def _double(
    what: str,
    keys: np.ndarray,
    groups: np.ndarray,
    names: Sequence[str],
    title: Callable[[int], str],
    *,
    combine: bool = False,
) -> Double | None:
    """Keys that occur in more than one group, with examples.

    Args:
        what: see Double.
        keys: (N, K) integers.
        groups: (N,) int64; negative ones do not count.
        names: (N,) for the examples.
        title: of a group.
        combine: count the combinations of groups, too.
    """
    known = np.flatnonzero(groups >= 0)
    if not len(known):
        return None
    order = known[np.lexsort(keys[known].T)]  # stable: within a key the samples stay in order
    sorted_keys = keys[order]
    differs = (sorted_keys[1:] != sorted_keys[:-1]).any(axis=1)
    begins = np.flatnonzero(np.concatenate([[True], differs]))
    sorted_groups = groups[order]
    lowest = np.minimum.reduceat(sorted_groups, begins)
    mixed = np.flatnonzero(lowest != np.maximum.reduceat(sorted_groups, begins))
    if not len(mixed):
        return None
    among: dict[str, int] = {}
    if combine and sorted_groups.max() < _MOST_BITS:
        bits = np.bitwise_or.reduceat(np.int64(1) << sorted_groups, begins)[mixed]
        among = _combinations(bits, title)
    ends = np.append(begins[1:], len(order))
    earliest = mixed[np.argsort(order[begins[mixed]], kind="stable")][:_EXAMPLES]
    rows = [order[begins[run] : ends[run]] for run in earliest]
    return Double(
        what=what,
        count=len(mixed),
        of=len(begins),
        among=among,
        examples=tuple(_example(row, groups, names, title) for row in rows),
    )


def _combinations(bits: np.ndarray, title: Callable[[int], str]) -> dict[str, int]:
    """How many keys occur in each combination of groups, the most frequent first."""
    values, counts = np.unique(bits, return_counts=True)
    result = {}
    for i in np.argsort(-counts, kind="stable")[:_MOST_COMBINATIONS]:
        members = [title(g) for g in range(_MOST_BITS) if int(values[i]) >> g & 1]
        result[" + ".join(members)] = int(counts[i])
    return result


def _example(
    row: np.ndarray, groups: np.ndarray, names: Sequence[str], title: Callable[[int], str]
) -> tuple[tuple[str, str], ...]:
    """The first sample of a key, and the first in another group."""
    first = int(row[0])
    other = int(row[(groups[row] != groups[first]).argmax()])
    return tuple((names[i], title(int(groups[i]))) for i in (first, other))
