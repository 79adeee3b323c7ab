"""Confusion matrix: how often each class is taken for which."""

from __future__ import annotations

import numpy as np

from headrace.train.evaluation.outcome import Outcome


def compute(outcome: Outcome, num_classes: int) -> list[list[int]]:
    """Counts of samples: a row for each class, a column for each class that it was taken for."""
    pairs = outcome.labels * num_classes + outcome.predicted
    counts = np.bincount(pairs, minlength=num_classes**2)
    rows: list[list[int]] = counts.reshape(num_classes, num_classes).tolist()
    return rows
