"""Ensembles: what several models say about the same samples becomes one answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from headrace.train.evaluation.outcome import Outcome
from headrace.train.losses.cross_entropy import per_sample

Ensemble = Literal["probs", "logits", "votes", "fitted"]
"""Mean of probabilities; mean of logits; votes; mean of probabilities with weights that were fitted
on other samples."""
_ROUNDS = 2000


def combine(
    members: Sequence[Outcome], way: Ensemble, weights: Sequence[float] | None = None
) -> Outcome:
    """One outcome of several; of one, that very one.

    The logits of the result are those of which its softmax follows, the logarithms of the
    probabilities where these are averaged. Votes come out as shares: one for each member, and one
    more that is the mean of their probabilities, which decides ties alone.

    Args:
        members: of the same samples and classes.
        way: in which.
        weights: of the members, which sum to 1, for `probs` and `fitted`; alike by default.

    Sources: Hansen and Salamon, "Neural network ensembles", PAMI 1990; Lakshminarayanan et al.,
    "Simple and scalable predictive uncertainty estimation using deep ensembles", NeurIPS 2017.
    """
    first = members[0]
    if len(members) == 1:
        return first
    assert all(np.array_equal(member.indices, first.indices) for member in members)
    logits = torch.stack([torch.from_numpy(member.logits).double() for member in members])
    if way == "logits":
        return with_logits(first, logits.mean(0))
    if way == "votes":
        winners = np.stack([member.predicted for member in members])
        votes = torch.nn.functional.one_hot(torch.from_numpy(winners), logits.shape[2]).sum(0)
        return with_logits(first, (votes + logits.softmax(2).mean(0)).log())
    shares = [1 / len(members)] * len(members) if weights is None else list(weights)
    return with_logits(first, mean_of_probabilities(list(logits), shares))


def mean_of_probabilities(logits: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The logarithms of a weighted mean of probabilities.

    Args:
        logits: (n, C) each; those of a single one come back as they are.
        weights: sum to 1. One of 0 leaves its logits out.

    Returns:
        (n, C) float64, or the single one's own.
    """
    if len(logits) == 1:
        return logits[0]
    shares = torch.tensor(weights, dtype=torch.float64).log()
    logs = torch.stack(list(logits)).double().log_softmax(2)
    return (logs + shares[:, None, None]).logsumexp(0)


def with_logits(outcome: Outcome, logits: Tensor) -> Outcome:
    """The same samples with other logits, (n, C), and what follows from them."""
    logits = logits.float()
    confidence, predicted = logits.softmax(1).max(1)
    loss = per_sample(logits, torch.from_numpy(outcome.labels))
    return Outcome(
        indices=outcome.indices,
        labels=outcome.labels,
        predicted=predicted.numpy(),
        confidence=confidence.numpy(),
        loss=loss.numpy(),
        logits=logits.numpy(),
    )


def fit_weights(members: Sequence[Outcome]) -> list[float]:
    """The weights of the mean of probabilities that has the smallest cross-entropy.

    They are 0 or more and sum to 1. The problem is convex; each round of expectation and
    maximisation makes the cross-entropy smaller.

    Args:
        members: of the same samples, all of which have a label.

    Sources: Smyth and Wolpert, "Linearly combining density estimators via stacking", Machine
    Learning 1999; Dempster et al., "Maximum likelihood from incomplete data via the EM algorithm",
    JRSS B 1977.
    """
    # A member's loss is minus the logarithm of its probability of the true class.
    logs = -np.stack([member.loss.astype(np.float64) for member in members], 1)
    likelihood = np.exp(logs - logs.max(1, keepdims=True))
    weights = np.full(len(members), 1 / len(members))
    for _ in range(_ROUNDS):
        shares = likelihood * weights
        shares /= shares.sum(1, keepdims=True)
        before, weights = weights, shares.mean(0)
        if np.abs(weights - before).max() < 1e-9:
            break
    found: list[float] = weights.tolist()
    return found
