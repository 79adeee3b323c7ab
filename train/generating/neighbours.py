"""Which real image a drawn one is nearest to, and whether it is as good as a copy of it."""

from __future__ import annotations

import numpy as np

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
    squares = np.square(among, dtype=np.float64).sum(1)
    places = np.empty(len(asked), np.int64)
    for start in range(0, len(asked), _ROWS):
        some = asked[start : start + _ROWS].astype(np.float64)
        distances = squares - 2 * some @ among.T.astype(np.float64)
        if itself:
            rows = np.arange(len(some))
            distances[rows, start + rows] = np.inf
        places[start : start + _ROWS] = distances.argmin(1)
    gaps = np.linalg.norm(asked.astype(np.float64) - among[places], axis=1)
    return places, gaps.astype(np.float32)


def copy_distance(training: np.ndarray) -> float:
    """Nearer than this to a training image a drawn one is a copy.

    Args:
        training: (M, D) float32 features of at least two training images.
    """
    _, gaps = nearest(training, training, itself=True)
    return float(np.quantile(gaps, COPY_SHARE))
