"""Parts of labelled samples drawn from a seed, of each class alike: a share, or one of K folds."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.errors import ConfigError


def check_val_fraction(fraction: float) -> None:
    """Refuses a share of each class that cannot be held out.

    Raises:
        ConfigError: naming the flag.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"--val-fraction is {fraction}, expected above 0 and below 1, as 0.2")


def in_share(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Draws a share of each class, rounded; a class of two or more is on both sides.

    Args:
        labels: (n,) integers; samples without a label are a class like any other.
        share: above 0 and below 1.
        seed: another one draws others.

    Returns:
        (n,) bool.
    """
    ranks, classes, sizes = _shuffled_ranks(labels, seed)
    counts = sizes[classes]
    quota = np.round(counts * share)
    quota = np.where(counts > 1, np.clip(quota, 1, counts - 1), quota)
    return ranks < quota


def fold_numbers(labels: np.ndarray, num_folds: int, seed: int) -> np.ndarray:
    """Deals samples out to folds, of equal size and of equal shares of each class up to one sample.

    Args:
        labels: (n,) integers.
        num_folds: K, 2 or more.
        seed: another one deals otherwise.

    Returns:
        (n,) int64 from 0 to K - 1.
    """
    ranks, classes, sizes = _shuffled_ranks(labels, seed)
    # Each class goes on where the one before left off, so that the remainders spread out.
    starts = np.cumsum(sizes) - sizes
    numbers: np.ndarray = (ranks + starts[classes]) % num_folds
    return numbers


def _shuffled_ranks(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each sample, (n,) int64, its random rank within its class and the class' place among the
    classes that there are; and the sizes of those."""
    # Raw output, which no version of NumPy changes: runs are resumed and judged on these samples.
    keys = np.random.Philox(key=seed).random_raw(len(labels)) >> np.uint64(11)
    order = np.lexsort([keys, labels])
    values, inverse = np.unique(labels, return_inverse=True)
    sizes = np.bincount(inverse, minlength=len(values))
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranks, inverse, sizes
