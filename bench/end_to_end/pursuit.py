"""A watch on a trainer that is to reach an accuracy; measuring it takes no time of the watch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from headrace.bench.end_to_end.trainer_under_test import Stopwatch, Trainer, TrainerJob

Curve = list[tuple[float, float]]
"""Seconds of training and accuracy, after each epoch."""


@dataclass(frozen=True)
class Pursued:
    """How a trainer got on.

    Attributes:
        opening_s: from before its data was opened to the end of its first step.
        curve: from then on.
    """

    opening_s: float
    curve: Curve


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a trainer is to reach.

    Attributes:
        images: file of (N, 3, S, S) uint8 images and (N,) int64 labels.
        accuracy: on them.
        most_s: of training, after whose epoch it is given up.
    """

    images: Path
    accuracy: float
    most_s: float


class Pursuit(Stopwatch):
    """Times epochs, the first included, until the goal is reached.

    Attributes:
        curve: so far.
    """

    first_counts = True

    def __init__(self, trainer: Trainer, job: TrainerJob, goal: Goal) -> None:
        super().__init__(job.device, goal.most_s)
        self._trainer, self._job, self._goal = trainer, job, goal
        self._held_out: tuple[Tensor, Tensor] = torch.load(goal.images)
        self.curve: Curve = []

    def add(self, images: int) -> None:
        """An epoch has ended: accuracy is measured while the watch stands still."""
        super().add(images)
        found = accuracy(self._trainer, self._job, *self._held_out)
        self.curve.append((self.run.elapsed_s, found))
        self.skip()

    @property
    def enough(self) -> bool:
        reached = bool(self.curve) and self.curve[-1][1] >= self._goal.accuracy
        return reached or super().enough


def accuracy(trainer: Trainer, job: TrainerJob, images: Tensor, labels: Tensor) -> float:
    """Of a trainer's model, in the number format in which it trains.

    Args:
        images: (N, 3, S, S) uint8.
        labels: (N,) int64.
    """
    model, device = trainer.model, torch.device(job.device)
    model.eval()
    right = 0
    with torch.no_grad():
        for some, classes in zip(images.split(128), labels.split(128), strict=True):
            with job.autocast():
                logits = model(trainer.preprocess.normalise(some.to(device)))
            right += int((logits.argmax(1) == classes.to(device)).sum())
    model.train()
    return right / len(labels)
