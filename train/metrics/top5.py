"""Top-5 accuracy: the share of samples whose class is among the five likeliest.

With five classes or fewer it is 1. Of classes of the same logit the first is the likeliest, as for
the accuracy. Source: Russakovsky et al., "ImageNet large scale visual recognition challenge",
IJCV 2015.
"""

from __future__ import annotations

import numpy as np

from headrace.train.evaluation.outcome import Outcome

K = 5


def compute(outcome: Outcome, num_classes: int) -> float:
    """From 0 to 1."""
    return float((places(outcome.logits, outcome.labels) < K).mean())


def places(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes a model finds likelier than the right one.

    Args:
        logits: (n, C) float32.
        labels: (n,) int64 classes.

    Returns:
        (n,) int64, 0 where the right one is the likeliest; C where its logit is no number.
    """
    own = np.take_along_axis(logits, labels[:, None], 1)
    before = np.arange(logits.shape[1]) < labels[:, None]
    # Not (logits > own): whatever is no number is never right.
    return (~(logits <= own) | ((logits == own) & before)).sum(1)
