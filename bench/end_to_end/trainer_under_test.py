"""A trainer under test: a job says which trainer on what, a trainer trains whole epochs of it.

Ours and other people's all become a `Trainer`, so that one stopwatch times them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from headrace.augment.preprocess import Preprocess
from headrace.bench.core.process_usage import cpu_seconds
from headrace.bench.device.timing import wait
from headrace.bench.end_to_end.our_run import CROP_SCALE
from headrace.bench.loading import loader_under_test
from headrace.bench.loading.timed_loader import Run

IMAGENET = Preprocess()
"""ImageNet's mean and deviation."""


@dataclass(frozen=True, kw_only=True)
class TrainerJob:
    """One trainer on one set of images.

    Attributes:
        trainer: a name of TRAINERS.
        path: a packed file with a split `train` for ours, a tree of class folders for others.
        repeat: how often the files of a tree occur in an epoch.
        seed: of weights, order and crops.
        model: of a peer as torchvision and timm name it, of ours with its source before it.
        size: side of the images, px.
        workers: of the loader.
        amp: bf16, or off for float32.
        scratch: gets the folder of a run of ours.
    """

    trainer: str
    path: str
    num_classes: int
    model: str
    size: int
    batch_size: int
    workers: int
    device: str
    amp: str
    scratch: Path
    repeat: int = 1
    seed: int = 0

    def autocast(self) -> AbstractContextManager[Any]:
        """As a script of one's own writes it."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.amp == "bf16")

    def loader_job(self, name: str) -> loader_under_test.Job:
        """What its loader is told by the benchmarks of loading."""
        return loader_under_test.Job(
            name=f"peer:{name}",
            path=self.path,
            split=None,
            size=self.size,
            batch_size=self.batch_size,
            workers=self.workers,
            crop_scale=CROP_SCALE,
            device=self.device,
            repeat=self.repeat,
            seed=self.seed,
        )


class Stopwatch:
    """Times whole epochs: `start()`, `add(images)` after each, until `enough`.

    Args:
        device: whose work has to be done before time is taken.
        min_s: of time, at least; one epoch is timed whatever it takes.

    Attributes:
        first_counts: whether an epoch in which a trainer starts its workers is timed.
    """

    first_counts = False

    def __init__(self, device: str, min_s: float) -> None:
        self._device = torch.device(device)
        self._min_s = min_s
        self.started = False
        self._began = self._cpu_s = self._ended = self._cpu_ended_s = 0.0
        self._images = 0

    def start(self) -> None:
        """From now on it counts."""
        wait(self._device)
        self.started = True
        self._cpu_s, self._began = cpu_seconds(), time.perf_counter()

    def add(self, images: int) -> None:
        """An epoch has ended."""
        wait(self._device)
        self._ended, self._cpu_ended_s = time.perf_counter(), cpu_seconds()
        self._images += images

    def skip(self) -> None:
        """What was done since the last epoch ended does not count."""
        self._began += time.perf_counter() - self._ended
        self._cpu_s += cpu_seconds() - self._cpu_ended_s
        self._ended, self._cpu_ended_s = time.perf_counter(), cpu_seconds()

    @property
    def enough(self) -> bool:
        return self._images > 0 and self._ended - self._began >= self._min_s

    @property
    def run(self) -> Run:
        """What has been timed."""
        return Run(self._images, self._ended - self._began, self._cpu_ended_s - self._cpu_s)


class Trainer(Protocol):
    """A trainer as the benchmark sees it: its model, and how that wants its images."""

    @property
    def model(self) -> nn.Module: ...

    @property
    def preprocess(self) -> Preprocess: ...

    def first_step(self) -> None:
        """Makes one step, or at least one."""
        ...

    def train(self, watch: Stopwatch) -> None:
        """Starts the watch where an epoch begins, trains whole epochs until it has enough."""
        ...

    def close(self) -> None: ...


class ScriptTrainer:
    """A loop as scripts have it: forward, loss, backward, step, for each batch of a loader.

    Args:
        batches: yields (images, labels), the images floating and normalised.
        job: whose device and autocast are taken.
        model, optimizer: of the script.
        loss_of: a scalar of logits and labels.
        before_step: is called between backward and step.
        preprocess: how the batches are normalised.
    """

    def __init__(
        self,
        batches: Iterable[tuple[Tensor, Tensor]],
        job: TrainerJob,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss_of: Callable[[Tensor, Tensor], Tensor],
        before_step: Callable[[], Any] = lambda: None,
        preprocess: Preprocess = IMAGENET,
    ) -> None:
        self._batches: Iterable[tuple[Tensor, Tensor]] = batches
        self._job = job
        self.model = model.train()
        self.preprocess = preprocess
        self._optimizer = optimizer
        self._loss_of = loss_of
        self._before_step = before_step

    def first_step(self) -> None:
        self._step(*next(iter(self._batches)))
        wait(torch.device(self._job.device))

    def train(self, watch: Stopwatch) -> None:
        watch.start()
        while not watch.enough:
            watch.add(sum(self._step(images, labels) for images, labels in self._batches))

    def _step(self, images: Tensor, labels: Tensor) -> int:
        images = images.to(self._job.device, non_blocking=True)
        labels = labels.to(self._job.device, non_blocking=True)
        with self._job.autocast():
            loss = self._loss_of(self.model(images), labels)
        self._optimizer.zero_grad()
        loss.backward()
        self._before_step()
        self._optimizer.step()
        return len(labels)

    def close(self) -> None:
        self._batches = ()
