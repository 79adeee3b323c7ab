"""Expected calibration error: how far the confidence is from the accuracy.

Predictions go into 15 bins of equal width by their confidence; the error is the mean over samples
of the distance between their bin's accuracy and its mean confidence. Empty bins count nothing.
Source: Guo et al., "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

import numpy as np

from headrace.train.evaluation.outcome import Outcome

BINS = 15
LOWER_IS_BETTER = True


def compute(outcome: Outcome, num_classes: int) -> float:
    """From 0, where the confidence is the accuracy, to 1."""
    return calibration_error(outcome.confidence, outcome.predicted == outcome.labels)


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """The error of some predictions.

    Args:
        confidence: (n,) float32 in 0..1, of the predicted class.
        right: (n,) bool.
    """
    sure = confidence.astype(np.float64)
    places = np.ceil(np.nan_to_num(sure) * BINS)  # what is no number makes the sum none
    bins = np.clip(places.astype(np.int64) - 1, 0, BINS - 1)
    apart = np.bincount(bins, weights=right - sure, minlength=BINS)
    return float(np.abs(apart).sum() / len(sure))
