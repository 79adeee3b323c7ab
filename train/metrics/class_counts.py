"""How often each class is right, predicted and there: what precision, recall and F1 follow from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headrace.train.evaluation.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """Samples by class.

    Attributes:
        right: (C,) float64, of the class and predicted as it.
        predicted: (C,) float64, predicted as it.
        support: (C,) float64, of the class.
    """

    right: np.ndarray
    predicted: np.ndarray
    support: np.ndarray

    @property
    def precision(self) -> np.ndarray:
        """(C,) float64: of those predicted as the class, the share that is right; 0 of none."""
        return _share(self.right, self.predicted)

    @property
    def recall(self) -> np.ndarray:
        """(C,) float64: of those of the class, the share that was found; 0 of none."""
        return _share(self.right, self.support)

    @property
    def f1(self) -> np.ndarray:
        """(C,) float64: harmonic mean of the two; 0 of a class that is nowhere."""
        return _share(2 * self.right, self.predicted + self.support)

    def macro(self, values: np.ndarray) -> float:
        """Mean over the classes that are there or predicted; each counts alike."""
        return float(values[(self.support + self.predicted) > 0].mean())

    def weighted(self, values: np.ndarray) -> float:
        """Mean over the classes, each as often as it is there."""
        return float((values * self.support).sum() / self.support.sum())


def count_classes(outcome: Outcome, num_classes: int) -> ClassCounts:
    """Counts an outcome of which every sample has a label."""
    right = outcome.labels[outcome.predicted == outcome.labels]
    right, predicted, support = (
        np.bincount(classes, minlength=num_classes).astype(np.float64)
        for classes in (right, outcome.predicted, outcome.labels)
    )
    return ClassCounts(right=right, predicted=predicted, support=support)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return part / np.maximum(whole, 1)
