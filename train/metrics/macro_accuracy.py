"""Macro accuracy: the mean over the classes of each one's accuracy, however rare it is.

Source: torchmetrics' `multiclass_accuracy`, of whose classes only those that occur are averaged.
"""

from __future__ import annotations

import torch

from headrace.train.evaluation.outcome import Outcome


def compute(outcome: Outcome, num_classes: int) -> float:
    """From 0 to 1."""
    from torchmetrics.functional.classification import multiclass_accuracy

    labels, predicted = torch.from_numpy(outcome.labels), torch.from_numpy(outcome.predicted)
    # Only classes that occur count in the mean, also where one is merely predicted wrongly.
    per_class = multiclass_accuracy(predicted, labels, num_classes, average="none")
    present = torch.bincount(labels, minlength=num_classes) > 0
    return float(per_class[present].double().mean())
