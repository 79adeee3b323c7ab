"""How good an outcome is: every metric of headrace.train.metrics, and the mean loss."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from headrace.train.evaluation.outcome import Outcome
from headrace.train.metrics import METRICS, lower_is_better, metric_of


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How good an outcome is.

    Attributes:
        metrics: each that was asked for over the labelled samples, by name; 0 where there are
            none, not a number where it is undefined.
        loss: mean cross-entropy, without label smoothing.
        count: labelled samples.
    """

    metrics: dict[str, float]
    loss: float
    count: int

    def deciding(self, name: str) -> float:
        """What best.pt and --patience go by; higher is better, so errors come out negative.

        Not a number where the loss is none: of answers that are no numbers the first class counts
        as predicted, which may well be a frequent one.

        Args:
            name: one of DECIDING.
        """
        if math.isnan(self.loss):
            return math.nan
        value = self.loss if name == "loss" else self.metrics[name]
        return -value if lower_is_better(name) else value

    def plain(self) -> dict[str, float | None]:
        """The metrics as JSON can say them: None for what is undefined."""
        return {name: None if math.isnan(v) else v for name, v in self.metrics.items()}

    @property
    def accuracy(self) -> float:
        """Share of labelled samples whose class was found."""
        return self.metrics["accuracy"]

    @property
    def macro_accuracy(self) -> float:
        """Mean over the classes that occur of their own accuracy."""
        return self.metrics["macro_accuracy"]


def score(outcome: Outcome, num_classes: int, names: Iterable[str] = METRICS) -> Scores:
    """Scores the labelled samples of an outcome by some of METRICS, or by all."""
    labelled = outcome.of(outcome.labels >= 0)
    if not len(labelled.labels):
        return Scores(metrics=dict.fromkeys(names, 0.0), loss=0.0, count=0)
    return Scores(
        metrics={name: metric_of(name).compute(labelled, num_classes) for name in names},
        loss=float(labelled.loss.mean(dtype=np.float64)),
        count=len(labelled.labels),
    )
