"""Temperature: the number that logits are divided by so that their probabilities can be believed.

It is the one that makes the cross-entropy smallest: above 1 for a model that is too sure of itself,
below 1 for one that is not sure enough; which class is predicted stays the same. Where every sample
is right (or the least likely) the best would be 0 (or without end): it is kept within 0.01 to 100.
Source: Guo et al., "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from headrace.train.evaluation.outcome import Outcome
from headrace.train.metrics.ece import calibration_error

LOWEST, HIGHEST = 0.01, 100.0
_STEPS = 60


def compute(outcome: Outcome, num_classes: int) -> dict[str, Any]:
    """The temperature that fits, and what it makes of the cross-entropy and the calibration error.

    Both are of the very samples that it was fitted to.
    """
    logits, labels = torch.from_numpy(outcome.logits).double(), torch.from_numpy(outcome.labels)
    value = fit(logits, labels)
    logs = (logits / value).log_softmax(1)
    right = outcome.predicted == outcome.labels
    return {
        "value": value,
        "loss": float(torch.nn.functional.nll_loss(logs, labels)),
        "ece": calibration_error(logs.exp().max(1).values.numpy(), right),
    }


def fit(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The temperature of the smallest cross-entropy.

    Args:
        logits: (n, C) float64.
        labels: (n,) int64 classes.
    """
    logits = logits - logits.gather(1, labels[:, None])
    low, high = 1 / HIGHEST, 1 / LOWEST
    # Of the inverse temperature the cross-entropy is convex, so its slope changes sign once.
    for _ in range(_STEPS):
        middle = float(np.sqrt(low * high))
        slope = float(((logits * middle).softmax(1) * logits).sum(1).mean())
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 1 / float(np.sqrt(low * high))
