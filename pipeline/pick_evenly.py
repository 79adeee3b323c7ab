"""A few samples of a split that show all of its classes."""

from __future__ import annotations

import numpy as np


def pick_evenly(chosen: np.ndarray, labels: np.ndarray, at_most: int) -> np.ndarray:
    """So many samples: one of each class before two of any, then alike shares of all classes.

    Args:
        chosen: (n,) int64 record indices, ascending.
        labels: (N,) int64 of all records.
        at_most: how many are wanted.

    Returns:
        (min(n, at_most),) int64 of `chosen`, ascending; of each class the first in the file.
    """
    own = labels[chosen]
    order = np.argsort(own, kind="stable")
    _, first, counts = np.unique(own[order], return_index=True, return_counts=True)
    share = (np.arange(len(own)) - np.repeat(first, counts)) / np.repeat(counts, counts)
    return np.sort(chosen[order[np.argsort(share, kind="stable")[:at_most]]])
