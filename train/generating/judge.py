"""A classifier of real images looks at drawn ones: how sure it is of their class, what it sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from headrace.augment import Preprocess
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.train.data.resized import resized
from headrace.train.device.amp import choose_precision
from headrace.train.evaluation.members import first_difference, only_member
from headrace.train.features.tap import tapped

_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a classifier says of images.

    Attributes:
        features: (N, D) float32, what its last layer reads.
        probabilities: (N, C) float32.
    """

    features: np.ndarray
    probabilities: np.ndarray


class Judge:
    """A classifier that was trained on real images.

    Args:
        place: its run folder or checkpoint.
        classes: of the images that it is to judge.
        device: where it computes.

    Raises:
        ConfigError: if it is of several runs, or knows other classes.
        CheckpointError: if it is missing or damaged.
    """

    def __init__(self, place: Path, classes: list[str], device: torch.device) -> None:
        member = only_member(str(place))
        if difference := first_difference(member.classes, classes):
            raise ConfigError(f"{place} cannot judge these images: {difference}")
        self._precision = choose_precision(member.amp("run"), device)
        self._preprocess: Preprocess = member.preprocess
        size = member.preprocess.size
        self._shape = (size, size) if isinstance(size, int) else size
        self._model = member.model(device, "").eval()

    def look(self, images: Tensor) -> Seen:
        """Looks at images, (N, 3, S, S) uint8, of any size: they are resized to its own."""
        found = [self._batch(some) for some in images.split(_BATCH)]
        features, probabilities = zip(*found, strict=True)
        return Seen(
            features=torch.cat(features).cpu().numpy(),
            probabilities=torch.cat(probabilities).cpu().numpy(),
        )

    @torch.inference_mode()
    def _batch(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pixels = resized(images.to(self._precision.device), self._shape)
        with tapped(self._model) as read, self._precision.autocast():
            logits = self._model(self._preprocess.normalise(pixels, self._precision.dtype))
        return read[0].float(), logits.float().softmax(1)


@dataclass(frozen=True, kw_only=True)
class RealImages:
    """Images of records.

    Attributes:
        images: (N, 3, S, S) uint8.
        labels: (N,) int64.
        indices: (N,) int64, which records they are.
    """

    images: Tensor
    labels: np.ndarray
    indices: np.ndarray


def real_images(records: Records, split: str, size: int, at_most: int = 0) -> RealImages:
    """A split's images as a generator of a size has seen them, without mirroring, in its order.

    Args:
        records: of the images.
        split: an expression.
        size: their side, px.
        at_most: samples to take, spread over all classes; 0 for all.

    Raises:
        ConfigError: if there are none.
    """
    with open_loader(
        records,
        split=split,
        size=size,
        train=False,
        geometry="centre",
        eval_crop=1.0,
        batch_size=_BATCH,
        device="cpu",
        at_most=at_most,
    ) as loader:
        batches = list(loader.epoch(0))
    if not batches:
        raise ConfigError(f"split {split!r} of {records.source} is empty; name another")
    images, labels, indices = (torch.cat(parts).cpu() for parts in zip(*batches, strict=True))
    return RealImages(images=images, labels=labels.numpy(), indices=indices.numpy())
