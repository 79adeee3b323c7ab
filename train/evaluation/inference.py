"""Running a model over a split in evaluation order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

import numpy as np
import torch
from torch import nn

from headrace.augment import Preprocess
from headrace.pipeline.batch import Batch
from headrace.pipeline.planned import PlannedLoader
from headrace.train.device.amp import Precision
from headrace.train.evaluation.outcome import Outcome, columns, from_columns, in_order
from headrace.train.losses.cross_entropy import per_sample
from headrace.train.processes.world import World


def infer(
    model: nn.Module,
    loader: PlannedLoader,
    preprocess: Preprocess,
    precision: Precision,
    *,
    on_batch: Callable[[], object] = lambda: None,
) -> Outcome:
    """Runs `model` over the loader's split.

    Args:
        model: on the loader's device; it is left in evaluation mode.
        loader: opened with train=False.
        preprocess: the normalisation that the model was trained with.
        precision: of the forward pass.
        on_batch: called after each batch; may raise to end early.
    """
    batches: Any = loader.epoch(0)
    with closing(batches):
        return answer(
            model,
            batches,
            lambda batch: preprocess.normalise(batch.images, precision.dtype),
            precision,
            on_batch,
        )


def answer(
    model: nn.Module,
    batches: Iterable[Batch],
    images_of: Callable[[Batch], torch.Tensor],
    precision: Precision,
    on_batch: Callable[[], object] = lambda: None,
) -> Outcome:
    """What a model says about batches, in whatever order they come.

    Args:
        model: on the device of the batches; it is left in evaluation mode.
        batches: each sample once.
        images_of: batch to the model's input, (B, 3, H, W) normalised.
        precision: of the forward pass.
        on_batch: called after each batch; may raise to end early.
    """
    model.eval()
    parts: list[tuple[torch.Tensor, ...]] = []
    with torch.inference_mode():
        for batch in batches:
            images = images_of(batch)
            with precision.autocast():
                logits = model(images)
            logits = logits.float()
            confidence, predicted = logits.softmax(1).max(1)
            loss = per_sample(logits, batch.labels)
            parts.append((batch.indices, batch.labels, predicted, confidence, loss, logits))
            on_batch()
        # The only sync point: everything stayed on the device until here.
        arrays = [torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)]
    if not arrays:
        arrays = [np.zeros(0, np.int64)] * 3 + [np.zeros(0, np.float32)] * 2
        arrays.append(np.zeros((0, 0), np.float32))
    return in_order(from_columns(arrays))


def gather(outcome: Outcome, world: World) -> Outcome:
    """The outcome of all processes together, each sample once."""
    if world.size == 1:
        return outcome
    gathered = world.gather(columns(outcome))
    # Who saw no batch knows no number of classes, and its empty logits fit nobody's.
    everyone = [arrays for arrays in gathered if len(arrays[0])] or gathered[:1]
    arrays = [np.concatenate(column) for column in zip(*everyone, strict=True)]
    return in_order(from_columns(arrays))
