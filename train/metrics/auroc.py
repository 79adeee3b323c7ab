"""Macro AUROC: how well each class is told from the rest, over all thresholds at once.

For one class it is the probability that a sample of it is given a higher probability of it than a
sample of another; the mean is over classes. Classes of which there is no sample, or nothing else,
have none and are left out; where none is left it is not a number (null in JSON).
Source: Hanley and McNeil, "The meaning and use of the area under a receiver operating
characteristic (ROC) curve", Radiology 1982; scikit-learn's roc_auc_score with multi_class="ovr".
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from headrace.pipeline.cores import available_cores
from headrace.train.evaluation.outcome import Outcome


def compute(outcome: Outcome, num_classes: int) -> float:
    """From 0 to 1, 0.5 for guessing; not a number where there are not two classes."""
    defined = per_class(outcome, num_classes)
    defined = defined[~np.isnan(defined)]
    return float(defined.mean()) if len(defined) else float("nan")


def per_class(outcome: Outcome, num_classes: int) -> np.ndarray:
    """(C,) float64: of each class against the rest; not a number where that is undefined."""
    # A row for each class, as its numbers are read together.
    logits = np.ascontiguousarray(outcome.logits.T, np.float64)
    logits -= logits.max(0)  # first, so that equal distances come out equal
    # Logarithms of probabilities have their order, also where those would be rounded to 0.
    total = np.log(np.exp(logits).sum(0))

    def area(label: int) -> float:
        own = outcome.labels == label
        positives, others = int(own.sum()), int((~own).sum())
        if not (positives and others):
            return float("nan")
        scores = logits[label] - total
        ranked = np.sort(scores[~own])
        below = np.searchsorted(ranked, scores[own], "left")
        upto = np.searchsorted(ranked, scores[own], "right")
        return float((below + upto).sum() / (2 * positives * others))

    # Sorting lets other threads run; a thousand classes of ImageNet would take seconds in one.
    with ThreadPoolExecutor(available_cores()) as pool:
        return np.array(list(pool.map(area, range(num_classes))))
