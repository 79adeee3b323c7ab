"""Which samples an epoch takes where some files make up given shares of it.

Every sample of the files without a share comes once. Of a file with one as many come as make up its
share of the whole epoch: without replacement, in an order drawn anew for each epoch, from whose
start it goes on where the file has too few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Mix:
    """The parts of an epoch; places are among the samples that take part.

    Attributes:
        plain: (p,) int64 places of the samples that come once.
        shared: (s,) int64 places of the samples of each file with a share, one or more.
        counts: how many of each of those files come.
    """

    plain: np.ndarray
    shared: tuple[np.ndarray, ...]
    counts: tuple[int, ...]

    @property
    def num_samples(self) -> int:
        """Samples in an epoch."""
        return len(self.plain) + sum(self.counts)

    def places(self, raw: Callable[[int, int], np.ndarray]) -> np.ndarray:
        """(num_samples,) int64: the places that an epoch takes, not yet in its order.

        Args:
            raw: gives (n,) uint64 random numbers for a file's number among those with a share, and
                n; others for another epoch.
        """
        parts = [self.plain]
        for number, (places, count) in enumerate(zip(self.shared, self.counts, strict=True)):
            order = np.argsort(raw(number, len(places)), kind="stable")
            parts.append(places[np.resize(order, count)])
        return np.concatenate(parts)

    def class_counts(self, labels: np.ndarray, num_classes: int) -> np.ndarray:
        """(num_classes,) float64: how often each class comes in an epoch, on average.

        Args:
            labels: (n,) int64, 0 or more, of the samples that take part.
            num_classes: of the data.
        """
        found = np.bincount(labels[self.plain], minlength=num_classes).astype(np.float64)
        for places, count in zip(self.shared, self.counts, strict=True):
            own = np.bincount(labels[places], minlength=num_classes)
            found += own * (count / len(places))
        return found


def shared_counts(num_plain: int, shares: Sequence[float]) -> tuple[int, ...]:
    """How many samples of each file make up its share of an epoch.

    Args:
        num_plain: samples of the files without a share.
        shares: of the others; below 1 together.
    """
    rest = 1 - math.fsum(shares)
    return tuple(round(share / rest * num_plain) for share in shares)
