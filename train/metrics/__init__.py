"""What is measured: one file for each number of an evaluation, and the sums of training (meter)."""

from __future__ import annotations

import importlib
from typing import Any

METRICS = {
    "accuracy": "headrace.train.metrics.accuracy",
    "macro_accuracy": "headrace.train.metrics.macro_accuracy",
    "top5": "headrace.train.metrics.top5",
    "macro_precision": "headrace.train.metrics.macro_precision",
    "macro_recall": "headrace.train.metrics.macro_recall",
    "macro_f1": "headrace.train.metrics.macro_f1",
    "weighted_precision": "headrace.train.metrics.weighted_precision",
    "weighted_recall": "headrace.train.metrics.weighted_recall",
    "weighted_f1": "headrace.train.metrics.weighted_f1",
    "auroc": "headrace.train.metrics.auroc",
    "ece": "headrace.train.metrics.ece",
}
"""Names, as they appear in metrics.jsonl behind `val_`, and the modules that define
`compute(outcome, num_classes) -> float`, for an outcome of which every sample has a label. One that
is better where it is lower says so with `LOWER_IS_BETTER = True`."""

DECIDING = (*METRICS, "loss")
"""By what an evaluation may be better than another."""

TABLES = {
    "temperature": "headrace.train.metrics.temperature",
    "per_class": "headrace.train.metrics.per_class",
    "confusion": "headrace.train.metrics.confusion",
}
"""What is no single number, or costs more than an epoch should: an evaluation by hand has it too.
`compute(outcome, num_classes)` gives what JSON can say."""


def metric_of(name: str) -> Any:
    """The module of a metric or a table, imported now."""
    return importlib.import_module({**METRICS, **TABLES}[name])


def lower_is_better(name: str) -> bool:
    """Whether smaller values of a metric, or of `loss`, are better."""
    return name == "loss" or getattr(metric_of(name), "LOWER_IS_BETTER", False)
