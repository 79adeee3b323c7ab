"""What a model said about samples, as plain arrays on the host."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from headrace.pipeline.errors import FailedError
from headrace.pipeline.wording import counted


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a model said about samples, on the host, in order of their index.

    Attributes:
        indices: (n,) int64 record indices.
        labels: (n,) int64, -1 where there is none.
        predicted: (n,) int64 classes.
        confidence: (n,) float32, the softmax of the predicted class.
        loss: (n,) float32 cross-entropy, 0 without a label.
        logits: (n, classes) float32, what all of these follow from.
    """

    indices: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    loss: np.ndarray
    logits: np.ndarray

    def of(self, chosen: np.ndarray) -> Outcome:
        """The outcome of some samples alone: by a mask or by positions, (n,) or (k,)."""
        return from_columns([column[chosen] for column in columns(self)])


def columns(outcome: Outcome) -> list[np.ndarray]:
    """The arrays in the order of the attributes; `from_columns` turns them back."""
    return [getattr(outcome, field.name) for field in fields(outcome)]


def from_columns(arrays: list[np.ndarray]) -> Outcome:
    """The outcome that `columns` took apart."""
    names = [field.name for field in fields(Outcome)]
    return Outcome(**dict(zip(names, arrays, strict=True)))


def in_order(outcome: Outcome) -> Outcome:
    """Sorted by index; a sample that two processes saw (padding) counts once."""
    _, first = np.unique(outcome.indices, return_index=True)
    return outcome.of(first)


def check_numbers(outcome: Outcome, whose: object) -> Outcome:
    """Refuses answers that are no numbers, of which the first class would count as predicted.

    Args:
        outcome: of one model.
        whose: its checkpoint, for errors.

    Returns:
        The outcome.

    Raises:
        FailedError: saying of how many samples.
    """
    if wrong := int((~np.isfinite(outcome.confidence)).sum()):
        raise FailedError(
            f"{whose}: its answers to {wrong} of {counted(len(outcome.indices), 'sample')} are not "
            "numbers; try --amp off, or take another checkpoint"
        )
    return outcome
