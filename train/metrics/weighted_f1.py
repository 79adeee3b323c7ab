"""Weighted F1: each class' F1, as often as the class is there.

A class that is never predicted counts 0.
Source: scikit-learn's precision_recall_fscore_support, average="weighted", zero_division=0.
"""

from __future__ import annotations

from headrace.train.evaluation.outcome import Outcome
from headrace.train.metrics.class_counts import count_classes


def compute(outcome: Outcome, num_classes: int) -> float:
    """From 0 to 1."""
    counts = count_classes(outcome, num_classes)
    return counts.weighted(counts.f1)
