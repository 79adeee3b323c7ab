"""One run: all that its loop works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from headrace.augment import Augmenter, Preprocess
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.train.averages.average import Average
from headrace.train.clock import Clock, Lap
from headrace.train.device.amp import Precision
from headrace.train.folder.folder_lock import FolderLock
from headrace.train.folder.journal import Journal
from headrace.train.hooks import Hook
from headrace.train.losses.teachers import Teachers
from headrace.train.metrics.meter import Meter
from headrace.train.models.spec import ModelSpec
from headrace.train.objectives.objective import Objective
from headrace.train.optimizers.freezing import Freezing
from headrace.train.processes.world import World
from headrace.train.progress import Progress
from headrace.train.schedules.warmup import Warmed
from headrace.train.settings.config import RunConfig


@dataclass(kw_only=True)
class Run:
    """One run, ready to go; see assemble.py. `model` holds the weights, `forward` applies them.

    `lock` keeps other runs out of the folder; only rank 0 has it. `loss` makes a scalar of logits,
    targets and what `teachers` answer, `objective` takes the step's gradient of it. `schedule`
    gives the learning rate of a step. `freezing` says which weights are trained, `average` has the
    model that is judged and saved as best. `hooks` watch, in this order.
    """

    config: RunConfig
    folder: Path
    lock: FolderLock | None
    world: World
    precision: Precision
    records: Records
    fingerprint: str
    classes: tuple[str, ...]
    train_loader: PlannedLoader
    val_loader: PlannedLoader | None
    preprocess: Preprocess
    augmenter: Augmenter
    spec: ModelSpec
    model: nn.Module
    freezing: Freezing
    forward: Callable[[Tensor], Tensor]
    loss: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    teachers: Teachers
    objective: Objective
    optimizer: torch.optim.Optimizer
    schedule: Warmed
    average: Average
    scaler: torch.amp.GradScaler
    meter: Meter
    progress: Progress
    clock: Clock
    epoch_time: Lap
    journal: Journal
    hooks: tuple[Hook, ...]
    steps_per_epoch: int

    @property
    def device(self) -> torch.device:
        return self.precision.device
