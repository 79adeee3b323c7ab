"""Features in two dimensions: t-SNE where scikit-learn is installed, PCA anyway."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.installed import is_installed

FIRST_DIMENSIONS = 50
"""What t-SNE gets: that many principal components, as its authors recommend."""
FEWEST = 5
"""Samples below which no neighbourhood means anything."""


def principal_components(features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The directions of largest variance.

    Args:
        features: (n, d) float32.
        count: at most so many.

    Returns:
        (n, k) float32 coordinates, and (k,) float64 shares of the whole variance.
    """
    centred = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    # The sign is arbitrary: the largest weight of each direction is positive, here as elsewhere.
    largest = np.abs(right).argmax(1)
    signs = np.sign(right[np.arange(len(right)), largest])
    found = (left * sizes * np.where(signs == 0, 1, signs))[:, :count]
    total = float((sizes**2).sum()) or 1.0
    return found.astype(np.float32), (sizes**2 / total)[:count]


def fitting_perplexity(count: int) -> float:
    """30, and less for few samples: a third of the others, as scikit-learn has to have it below."""
    return float(max(1.0, min(30.0, (count - 1) / 3)))


def tsne(features: np.ndarray) -> np.ndarray | None:
    """(n, 2) float32: neighbours stay neighbours; None where scikit-learn is not installed.

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 2008.
    """
    if not is_installed("sklearn") or len(features) < FEWEST:
        return None
    from sklearn.manifold import TSNE

    first, _ = principal_components(features, FIRST_DIMENSIONS)
    if not float(np.abs(first).max(initial=0.0)) > 0:  # all samples alike
        return None
    made = TSNE(
        n_components=2,
        perplexity=fitting_perplexity(len(features)),
        init="pca" if first.shape[1] >= 2 else "random",
        learning_rate="auto",
        random_state=0,
    ).fit_transform(first)
    points: np.ndarray = made.astype(np.float32)
    return points


def neighbour_share(features: np.ndarray, labels: np.ndarray) -> float:
    """Of the samples, the share whose nearest neighbour (by distance) has the same label.

    Args:
        features: (n, d) float32, n at least 2.
        labels: (n,) int64.
    """
    values = features.astype(np.float64)
    squares = (values**2).sum(1)
    distances = squares[:, None] + squares[None] - 2 * values @ values.T
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(1)] == labels).mean())
