"""Running a model over a split in evaluation order, and scoring what it said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from headrace.augment import Preprocess
from headrace.pipeline.planned import PlannedLoader
from headrace.train.device.amp import Precision
from headrace.train.processes.world import World


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a model said about samples, on the host, in order of their index.

    Attributes:
        indices: (n,) int64 record indices.
        labels: (n,) int64, -1 where there is none.
        predicted: (n,) int64 classes.
        confidence: (n,) float32, the softmax of the predicted class.
        loss: (n,) float32 cross-entropy, 0 without a label.
    """

    indices: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    loss: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How good an outcome is.

    Attributes:
        accuracy: share of labelled samples whose class was found.
        macro_accuracy: mean over the classes that occur of their own accuracy.
        loss: mean cross-entropy, without label smoothing.
        count: labelled samples.
    """

    accuracy: float
    macro_accuracy: float
    loss: float
    count: int


def infer(
    model: nn.Module,
    loader: PlannedLoader,
    preprocess: Preprocess,
    precision: Precision,
    *,
    limit_batches: int = 0,
    on_batch: Callable[[], object] = lambda: None,
) -> Outcome:
    """Runs `model` over the loader's split.

    Args:
        model: on the loader's device; it is left in evaluation mode.
        loader: opened with train=False.
        preprocess: the normalisation that the model was trained with.
        precision: of the forward pass.
        limit_batches: stop after so many (0: all).
        on_batch: called after each batch; may raise to end early.
    """
    model.eval()
    parts: list[tuple[torch.Tensor, ...]] = []
    with torch.inference_mode(), closing(_generator(loader)) as batches:
        for batch in islice(batches, limit_batches or None):
            images = preprocess.normalise(batch.images, precision.dtype)
            with precision.autocast():
                logits = model(images)
            logits = logits.float()
            confidence, predicted = logits.softmax(1).max(1)
            loss = F.cross_entropy(logits, batch.labels, reduction="none", ignore_index=-1)
            parts.append((batch.indices, batch.labels, predicted, confidence, loss))
            on_batch()
        # The only sync point: everything stayed on the device until here.
        columns = [torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)]
    if not columns:
        columns = [np.zeros(0, np.int64)] * 3 + [np.zeros(0, np.float32)] * 2
    return _in_order(columns)


def gather(outcome: Outcome, world: World) -> Outcome:
    """The outcome of all processes together, each sample once."""
    if world.size == 1:
        return outcome
    everyone = world.gather(_columns(outcome))
    return _in_order([np.concatenate(column) for column in zip(*everyone, strict=True)])


def score(outcome: Outcome, num_classes: int) -> Scores:
    """Scores the labelled samples of an outcome."""
    from torchmetrics.functional.classification import multiclass_accuracy

    known = outcome.labels >= 0
    labels = torch.from_numpy(outcome.labels[known])
    predicted = torch.from_numpy(outcome.predicted[known])
    if not len(labels):
        return Scores(accuracy=0.0, macro_accuracy=0.0, loss=0.0, count=0)
    # Only classes that occur count in the mean, also where one is merely predicted wrongly.
    per_class = multiclass_accuracy(predicted, labels, num_classes, average="none")
    present = torch.bincount(labels, minlength=num_classes) > 0
    return Scores(
        accuracy=float((predicted == labels).double().mean()),
        macro_accuracy=float(per_class[present].double().mean()),
        loss=float(outcome.loss[known].mean(dtype=np.float64)),
        count=len(labels),
    )


def _generator(loader: PlannedLoader) -> Any:
    return loader.epoch(0)


def _columns(outcome: Outcome) -> list[np.ndarray]:
    return [
        outcome.indices,
        outcome.labels,
        outcome.predicted,
        outcome.confidence,
        outcome.loss,
    ]


def _in_order(columns: list[np.ndarray]) -> Outcome:
    """Sorted by index; a sample that two processes saw (padding) counts once."""
    indices, first = np.unique(columns[0], return_index=True)
    labels, predicted, confidence, loss = (column[first] for column in columns[1:])
    return Outcome(
        indices=indices, labels=labels, predicted=predicted, confidence=confidence, loss=loss
    )
