"""The linear classifier of features that does best on those that are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from headrace.train.evaluation.outcome import Outcome
from headrace.train.evaluation.scoring import Scores, score
from headrace.train.features.logistic import Linear, Regression
from headrace.train.features.store import Features
from headrace.train.losses.cross_entropy import per_sample
from headrace.train.ranked import ranked


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A classifier, the L2 penalty that it was fitted with, and its scores; None of nothing."""

    linear: Linear
    penalty: float
    scores: Scores | None


def choose(
    features: Features,
    held: Features | None,
    penalties: Sequence[float],
    num_classes: int,
    device: torch.device,
    tried: Callable[[float, Scores], None],
) -> Chosen:
    """Fits a classifier with each penalty; of several the one of the highest accuracy is taken.

    Args:
        features: to learn from.
        held: to measure on; needed for several penalties.
        penalties: one or more, the strongest first.
        num_classes: C.
        device: where it computes.
        tried: told of each but a single one.
    """
    assert held is not None or len(penalties) == 1
    regression = Regression(features, num_classes, device)
    found: list[Chosen] = []
    for penalty in penalties:
        linear = regression.fit(penalty)
        scores = None if held is None else score(_outcome(linear, held), num_classes)
        if scores is not None and len(penalties) > 1:
            tried(penalty, scores)
        found.append(Chosen(linear=linear, penalty=penalty, scores=scores))
    return max(found, key=_goodness)  # of equals the first


def _goodness(chosen: Chosen) -> tuple[float, float]:
    scores = chosen.scores
    return (0.0, 0.0) if scores is None else (scores.accuracy, ranked(-scores.loss))


def _outcome(linear: Linear, features: Features) -> Outcome:
    logits, labels = linear.logits(features), torch.from_numpy(features.labels)
    confidence, predicted = logits.softmax(1).max(1)
    return Outcome(
        indices=features.indices,
        labels=features.labels,
        predicted=predicted.numpy(),
        confidence=confidence.numpy(),
        loss=per_sample(logits, labels).numpy(),
        logits=logits.numpy(),
    )
