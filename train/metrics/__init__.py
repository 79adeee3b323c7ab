"""What is measured: one file for each number of an evaluation, and the sums of training (meter)."""

from __future__ import annotations

import importlib
from typing import Any

METRICS = {
    "accuracy": "headrace.train.metrics.accuracy",
    "macro_accuracy": "headrace.train.metrics.macro_accuracy",
}
"""Names, as they appear in metrics.jsonl behind `val_`, and the modules that define
`compute(outcome, num_classes) -> float`, for an outcome of which every sample has a label."""


def metric_of(name: str) -> Any:
    """The module of a metric, imported now."""
    return importlib.import_module(METRICS[name])
