"""Which given labels the folds disagree with, by confident learning.

Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels",
JAIR 2021: out-of-fold probabilities, self-confidence and normalised margin, and for each class a
threshold, its mean self-confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headrace.train.trials.out_of_fold import OutOfFold


@dataclass(frozen=True, kw_only=True)
class Doubts:
    """Samples that the folds take for another class, the most doubtful first.

    Attributes:
        places: (m,) int64, rows of the out-of-fold arrays.
        predicted: (m,) int64, the likeliest of the other classes.
        own: (m,) float32, the probability of the given label: its self-confidence.
        other: (m,) float32, that of `predicted`, which is higher.
        confident: (m,) bool, whether another class is above its own threshold and likelier than
            any that is; these are the label errors that the method estimates.
    """

    places: np.ndarray
    predicted: np.ndarray
    own: np.ndarray
    other: np.ndarray
    confident: np.ndarray

    @property
    def margin(self) -> np.ndarray:
        """(m,) float32, below 0: the probability of the given label less that of the predicted."""
        margin: np.ndarray = self.own - self.other
        return margin


def find_doubts(found: OutOfFold) -> Doubts:
    """The samples whose given label is not the likeliest class, ordered by their margin."""
    labelled = np.flatnonzero(found.labels >= 0)
    chances, labels = found.probabilities[labelled], found.labels[labelled]
    rows = np.arange(len(labels))
    own = chances[rows, labels]
    rest = chances.copy()
    rest[rows, labels] = -1
    predicted = rest.argmax(1)
    other = rest[rows, predicted]
    thresholds = np.full(chances.shape[1], np.inf)
    for label in np.unique(labels):
        thresholds[label] = own[labels == label].mean(dtype=np.float64)
    sure = np.where(chances >= thresholds, chances, -1)
    confident = (sure.max(1, initial=-1) >= 0) & (sure.argmax(1) != labels)
    order = np.argsort(own - other, kind="stable")
    order = order[(own < other)[order]]
    return Doubts(
        places=labelled[order],
        predicted=predicted[order],
        own=own[order],
        other=other[order],
        confident=confident[order],
    )
