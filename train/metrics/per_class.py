"""What is known of each class alone: precision, recall, F1, AUROC.

A class without a sample has a recall of 0 and no AUROC; its `count` tells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.train.evaluation.outcome import Outcome
from headrace.train.metrics import auroc
from headrace.train.metrics.class_counts import count_classes


def compute(outcome: Outcome, num_classes: int) -> list[dict[str, Any]]:
    """A row for each class, in order: `count` (samples), `predicted`, and its four numbers."""
    counts = count_classes(outcome, num_classes)
    areas = auroc.per_class(outcome, num_classes)
    return [
        {
            "count": int(counts.support[label]),
            "predicted": int(counts.predicted[label]),
            "precision": float(counts.precision[label]),
            "recall": float(counts.recall[label]),
            "f1": float(counts.f1[label]),
            "auroc": None if np.isnan(areas[label]) else float(areas[label]),
        }
        for label in range(num_classes)
    ]
