"""Which real image a drawn one is nearest to, and whether it is as good as a copy of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

_ROWS = 1024
COPY_SHARE = 0.01
"""A drawn image is a copy if it is nearer to a training image than all but this share of training
images are to their own nearest one."""


def nearest(
    asked: np.ndarray, among: np.ndarray, *, itself: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of some vectors to each of others.

    Args:
        asked: (N, D) float32.
        among: (M, D) float32.
        itself: `asked` is `among`, and no vector is its own neighbour.

    Returns:
        (N,) int64 places in `among`, and (N,) float32 Euclidean distances.
    """
    return _nearest(asked, among, np.arange(len(asked)) if itself else None)


def _nearest(
    asked: np.ndarray, among: np.ndarray, own: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """As `nearest`; `own` are the places among the others that are no neighbours."""
    places = np.empty(len(asked), np.int64)
    for rows, gaps in gaps_by_rows(asked, among):
        if own is not None:
            gaps[np.arange(len(gaps)), own[rows]] = np.inf
        places[rows] = gaps.argmin(1)
    exact = np.linalg.norm(asked.astype(np.float64) - among[places], axis=1)
    return places, exact.astype(np.float32)


def gaps_by_rows(asked: np.ndarray, among: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Distances of all vectors to all others, in parts that fit into memory.

    Args:
        asked: (N, D) float32.
        among: (M, D) float32.

    Yields:
        Rows of `asked`, and their (n, M) float64 Euclidean distances to `among`.
    """
    others = torch.from_numpy(among).double()
    for start in range(0, len(asked), _ROWS):
        rows = slice(start, min(start + _ROWS, len(asked)))
        yield rows, torch.cdist(torch.from_numpy(asked[rows]).double(), others).numpy()


def copy_distance(training: np.ndarray, most: int | None = None) -> float:
    """Nearer than this to a training image a drawn one is a copy.

    Args:
        training: (M, D) float32 features of at least two training images.
        most: look for the neighbours of so many of them at most, spread evenly; of all by default.
    """
    count = len(training)
    own = np.arange(count)
    if most is not None and count > most:
        own = np.linspace(0, count - 1, most).astype(np.int64)
    _, gaps = _nearest(training[own], training, own)
    return float(np.quantile(gaps, COPY_SHARE))
