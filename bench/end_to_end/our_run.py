"""A run of ours to be timed: opened as training opens one, fed with batches, timed step by step.

with ExitStack() as resources:
    run = open_our_run(RunSettings(data=..., loader="native", ...), "bench/x.py", resources)
    batches = endless(run)
    timed_steps(run, batches, min_s=3.0).images_per_s
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from headrace.bench.core.process_usage import cpu_seconds
from headrace.bench.device.timing import wait
from headrace.pipeline.batch import Batch
from headrace.train.assemble import open_run
from headrace.train.folder.run_folder import make_folder
from headrace.train.processes.world import World
from headrace.train.settings.config_file import from_flat
from headrace.train.state import Run
from headrace.train.step import optimise

CROP_SCALE = (0.08, 1.0)
"""Share of the area that peers' random crops take, and ours beside them."""
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.025, 0.9, 1e-4
"""Of SGD in all trainers but the course script: torchvision's recipe, for a batch of 64."""
AS_PEERS = (
    ("geometry", "crop"),  # of small images too
    ("crop_scale", list(CROP_SCALE)),
    ("optimizer", "sgd"),
    ("lr", LEARNING_RATE),
    ("momentum", MOMENTUM),
    ("nesterov", False),
    ("clip_grad", 0.0),
    ("warmup_epochs", 0.0),
    ("normalise", "imagenet"),
    ("weight_decay", WEIGHT_DECAY),
    ("epochs", 10_000),  # of the schedule: more than anybody measures
)
"""Settings under which a run of ours does the work of its peers, by their names in YAML."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What is trained, by which loader, where.

    Attributes:
        data: a packed file with a split `train`.
        loader: one of ours.
        model, compile, amp: as in training.
        size: side of the crops, px.
        workers: of the loader.
        out: the run's folder; what is there is replaced.
        more: further settings by their names in YAML.
    """

    data: str
    loader: str
    model: str
    size: int
    batch_size: int
    workers: int
    device: str
    out: Path
    amp: str = "auto"
    compile: str = "off"
    more: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Steps:
    """Training steps, timed.

    Attributes:
        images: of all steps.
        elapsed_s: until the device had done them.
        waited_s: of it the host waited for batches.
        cpu_s: of this process and its children.
    """

    images: int
    elapsed_s: float
    waited_s: float
    cpu_s: float

    @property
    def images_per_s(self) -> float:
        return self.images / self.elapsed_s

    @property
    def waited(self) -> float:
        """Share of the time."""
        return self.waited_s / self.elapsed_s


def open_our_run(settings: RunSettings, source: str, resources: ExitStack) -> Run:
    """A run with the recipe `flip`, whole batches and nothing held out.

    Args:
        source: the command, for messages about its settings.
        resources: gets everything that has to be closed.

    Raises:
        HeadraceError: for data that cannot be learnt from, or settings that cannot work.
    """
    config = from_flat(
        {
            "data": settings.data,
            "val_split": "none",
            "loader": settings.loader,
            "workers": settings.workers,
            "model": settings.model,
            "size": settings.size,
            "batch_size": settings.batch_size,
            "drop_last": True,
            "recipe": "flip",
            "device": settings.device,
            "amp": settings.amp,
            "compile": settings.compile,
            "tensorboard": False,
            "report": False,
            "out": str(settings.out),
            "overwrite": True,
            **dict(settings.more),
        },
        source,
    )
    return open_run(
        config,
        None,
        take_folder=lambda settled: resources.enter_context(make_folder(settled)),
        world=World(),
        device=torch.device(settings.device),
        resources=resources,
        say=print,
    )


def endless(run: Run) -> Iterator[Batch]:
    """The batches of one epoch after the other."""
    return (batch for epoch in itertools.count() for batch in run.train_loader.epoch(epoch))


def step(run: Run, batch: Batch) -> None:
    """Augmenter, autocast, scaler and optimizer, as in a run."""
    optimise(run, *run.augmenter(batch.images, batch.labels))


def timed_steps(run: Run, batches: Iterator[Batch], min_s: float) -> Steps:
    """Steps, one at least, until `min_s` seconds are over."""
    wait(run.device)
    images, waited, elapsed = 0, 0.0, 0.0
    cpu_s, began = cpu_seconds(), time.perf_counter()
    while images == 0 or elapsed < min_s:
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        step(run, batch)
        images += len(batch.labels)
        elapsed = time.perf_counter() - began
    wait(run.device)
    elapsed = time.perf_counter() - began
    return Steps(images, elapsed, waited, cpu_seconds() - cpu_s)
