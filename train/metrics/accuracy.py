"""Accuracy: the share of samples whose class was found."""

from __future__ import annotations

import torch

from headrace.train.evaluation.outcome import Outcome


def compute(outcome: Outcome, num_classes: int) -> float:
    """From 0 to 1."""
    labels, predicted = torch.from_numpy(outcome.labels), torch.from_numpy(outcome.predicted)
    return float((predicted == labels).double().mean())
