"""Macro F1: the mean over classes of the harmonic mean of precision and recall.

Classes that are neither there nor predicted are left out; one that is merely predicted, or never
predicted, counts 0.
Source: scikit-learn's precision_recall_fscore_support, average="macro", zero_division=0.
"""

from __future__ import annotations

from headrace.train.evaluation.outcome import Outcome
from headrace.train.metrics.class_counts import count_classes


def compute(outcome: Outcome, num_classes: int) -> float:
    """From 0 to 1."""
    counts = count_classes(outcome, num_classes)
    return counts.macro(counts.f1)
