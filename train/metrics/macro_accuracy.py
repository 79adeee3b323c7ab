"""Macro accuracy: the mean over the classes of each one's accuracy, however rare it is.

Only classes that occur count, also where another is merely predicted.
Source: torchmetrics' `multiclass_accuracy`, whose average over the classes this is.
"""

from __future__ import annotations

from headrace.train.evaluation.outcome import Outcome
from headrace.train.metrics.class_counts import count_classes


def compute(outcome: Outcome, num_classes: int) -> float:
    """From 0 to 1."""
    counts = count_classes(outcome, num_classes)
    return float(counts.recall[counts.support > 0].mean())
