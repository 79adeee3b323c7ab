"""How good an outcome is, in words and as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.pipeline.wording import counted
from headrace.train.evaluation.outcome import Outcome
from headrace.train.evaluation.scoring import score
from headrace.train.metrics import TABLES, metric_of
from headrace.train.metrics.class_counts import count_classes

SHOWN_CLASSES = 5


def outcome_lines(outcome: Outcome, classes: list[str]) -> list[str]:
    """Lines for the screen: the accuracy and the hardest classes, where labels are known, else
    the classes that were predicted most often."""
    scores = score(outcome, len(classes), ("accuracy", "macro_accuracy"))
    if not scores.count:
        count = counted(len(outcome.indices), "sample")
        return [f"{count}, none of them labelled", _predicted_line(outcome, classes)]
    lines = [
        f"accuracy {scores.accuracy:.4f} on {scores.count} samples, "
        f"mean over classes {scores.macro_accuracy:.4f}, loss {scores.loss:.4f}"
    ]
    counts = count_classes(outcome.of(outcome.labels >= 0), len(classes))
    order = np.argsort(counts.recall, kind="stable")
    hardest = [int(c) for c in order if counts.support[c]][:SHOWN_CLASSES]
    lines.append("hardest: " + ", ".join(f"{classes[c]} {counts.recall[c]:.2f}" for c in hardest))
    return lines


def _predicted_line(outcome: Outcome, classes: list[str]) -> str:
    """How often each class was predicted, the most frequent ones first."""
    numbers = np.bincount(outcome.predicted, minlength=len(classes))
    order = [int(c) for c in np.argsort(-numbers, kind="stable") if numbers[c]]
    told = [f"{classes[c]} {numbers[c]}" for c in order[:SHOWN_CLASSES]]
    rest = len(order) - len(told)
    more = [f"{rest} more class{'' if rest == 1 else 'es'}"] * (rest > 0)
    return "predicted: " + ", ".join([*told, *more])


def metrics_line(report: dict[str, Any]) -> str:
    """A line with what is not the accuracy."""
    names = ("top5", "macro_precision", "macro_recall", "macro_f1", "auroc", "ece")
    numbers = ((name, report[name]) for name in names)
    text = ", ".join(f"{name} {'-' if v is None else f'{v:.4f}'}" for name, v in numbers)
    return f"{text}, temperature {report['temperature']['value']:.3f}"


def full_report(outcome: Outcome, classes: list[str]) -> dict[str, Any]:
    """Every metric and table of an outcome that has labels, as JSON can say it.

    Keys: those of METRICS, `loss`, `count` (labelled samples), and those of TABLES; each row of
    `per_class` has the name as `class`. What is undefined is None.
    """
    labelled = outcome.of(outcome.labels >= 0)
    scores = score(labelled, len(classes))
    tables = {name: metric_of(name).compute(labelled, len(classes)) for name in TABLES}
    rows = zip(classes, tables["per_class"], strict=True)
    tables["per_class"] = [{"class": name, **row} for name, row in rows]
    return {**scores.plain(), "loss": scores.loss, "count": scores.count, **tables}
