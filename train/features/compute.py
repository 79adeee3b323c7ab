"""Features of the splits of a run, through its loader: evaluation's view, and augmented copies."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headrace.augment import Augmenter, Preprocess
from headrace.pipeline.errors import ConfigError, FailedError
from headrace.pipeline.planned import PlannedLoader
from headrace.train.device.amp import Precision
from headrace.train.features.store import Features, create
from headrace.train.features.tap import check_tap, tapped


def compute(
    folder: Path,
    split: str,
    model: nn.Module,
    loader: PlannedLoader,
    preprocess: Preprocess,
    precision: Precision,
    copies: int = 0,
) -> Features:
    """Writes a split's labels, and the features of evaluation's view of each sample.

    Args:
        folder: where.
        split: what the files are called after.
        model: on the device, in evaluation mode.
        loader: opened with train=False.
        preprocess: normalises what the model reads.
        precision: of the forward pass.
        copies: places to leave for `add_copy`.

    Raises:
        FailedError: if a feature is not a number.
    """
    batches: Any = loader.epoch(0)
    found: Features | None = None
    with closing(batches), torch.inference_mode(), tapped(model) as tap:
        done = 0
        for batch in batches:
            images = preprocess.normalise(batch.images, precision.dtype)
            if found is None:
                width = check_tap(model, images[:1].float())
                found = create(folder, split, (1 + copies, len(loader.plan(0).indices), width))
            with precision.autocast():
                model(images)
            here = slice(done, done + len(batch.labels))
            found.values[0, here] = _numbers(tap[0])
            found.labels[here] = batch.labels.cpu().numpy()
            found.indices[here] = batch.indices.cpu().numpy()
            done = here.stop
    assert found is not None and done == len(found.labels)
    return found


def add_copy(
    features: Features,
    copy: int,
    model: nn.Module,
    loader: PlannedLoader,
    augmenter: Augmenter,
    precision: Precision,
) -> None:
    """Writes the features of one draw of training's crop and recipe.

    A sample that stands in for one that cannot be decoded is in `features` twice, and in the copy.

    Args:
        features: where; the samples are known by their indices.
        copy: 1 or more, the epoch whose draw it is.
        model, precision: as above.
        loader: opened with train=True.
        augmenter: of a recipe that mixes no images.

    Raises:
        ConfigError: if it does.
        FailedError: if a feature is not a number.
    """
    order = np.argsort(features.indices, kind="stable")
    batches: Any = loader.epoch(copy)
    with closing(batches), torch.inference_mode(), tapped(model) as tap:
        for batch in batches:
            images, targets = augmenter(batch.images, batch.labels)
            if targets.ndim != 1:
                raise ConfigError(
                    "--recipe mixes images, and a mixed image has no single label; take one that "
                    "does not mix, such as flip or trivial"
                )
            with precision.autocast():
                model(images)
            sought = batch.indices.cpu().numpy()
            rows = order[np.searchsorted(features.indices, sought, sorter=order)]
            features.values[copy, rows] = _numbers(tap[0])
    rows = order[np.searchsorted(features.indices, features.indices, sorter=order)]
    again = np.flatnonzero(rows != np.arange(len(rows)))
    features.values[copy, again] = features.values[copy, rows[again]]


def _numbers(said: Tensor) -> NDArray[np.float32]:
    """What a network says of a batch, on the host."""
    found: NDArray[np.float32] = said.float().cpu().numpy()
    if not np.isfinite(found).all():
        raise FailedError(
            "what the network says of the images is not a number; try --amp off, or take other "
            "weights"
        )
    return found
