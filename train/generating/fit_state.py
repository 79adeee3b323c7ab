"""The state of a generator's training: what it consists of, how it is saved, how it goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from headrace.pipeline.flat_settings import to_flat
from headrace.pipeline.planned import PlannedLoader
from headrace.train.clock import Clock
from headrace.train.divergence import Diverged, diverged, weights_finite
from headrace.train.folder.checkpoint import save_checkpoint
from headrace.train.folder.folder_lock import FolderLock
from headrace.train.folder.journal import Journal
from headrace.train.folder.parts import Noted, Part, restore_parts
from headrace.train.folder.run_folder import GENERATOR_NAME, LAST_NAME
from headrace.train.generating.kind import Shape, Training
from headrace.train.generating.settings import FitConfig


@dataclasses.dataclass(kw_only=True)
class Fit:
    """One training, ready to go.

    Attributes:
        epoch, step: what is done; steps count over all epochs.
    """

    config: FitConfig
    folder: FolderLock
    classes: tuple[str, ...]
    shape: Shape
    loader: PlannedLoader
    training: Training
    fingerprint: str
    device: torch.device
    clock: Clock
    journal: Journal
    epoch: int = 0
    step: int = 0

    @property
    def num_weights(self) -> int:
        """Of the network that draws."""
        return sum(weight.numel() for weight in self.training.drawn.network.parameters())

    @property
    def out_of_time(self) -> bool:
        """Whether --max-minutes have passed, over all the parts of a training."""
        minutes = self.config.max_minutes
        return minutes is not None and self.clock.total >= 60 * minutes


PARTS: dict[str, Callable[[Fit], Part]] = {
    "training": lambda run: run.training,
    "seconds": lambda run: run.clock,
    "log_bytes": lambda run: Noted(run.journal.position_bytes()),
    "data_fingerprint": lambda run: Noted(run.fingerprint),
}
"""Keys of last.pt that a resumed training needs, besides those of a generator's file, and where in
a training their parts are."""


def save(run: Fit) -> None:
    """Writes generator.pt and last.pt.

    Raises:
        Diverged: if a weight is not a number; both stay as they were.
    """
    with run.clock.phase("save"):
        run.folder.check()
        for part in run.training.parts.values():
            if isinstance(part, nn.Module) and not weights_finite(part):
                raise not_a_number(run, "a weight")
        network = run.training.drawn.network
        told = {
            "generator": dataclasses.asdict(run.shape),
            "classes": list(run.classes),
            "config": to_flat(run.config),
            "weights": network.state_dict(),
            "progress": {"epoch": run.epoch, "step": run.step},
        }
        save_checkpoint(run.folder.folder / GENERATOR_NAME, told)
        state = {key: part(run).state_dict() for key, part in PARTS.items()}
        save_checkpoint(run.folder.folder / LAST_NAME, {**told, **state})


def not_a_number(run: Fit, what: str) -> Diverged:
    """What to say of a loss or a weight that is none."""
    return diverged(
        f"{what} is not a number at step {run.step}",
        run.folder.folder,
        f"a lower --lr (now {run.config.rate:g}), more --warmup-steps",
    )


def restore(run: Fit, earlier: Mapping[str, Any]) -> None:
    """Goes on from a last.pt.

    Raises:
        ConfigError: if a field of it is not what this training saves, naming it.
    """
    parts = {key: part(run) for key, part in PARTS.items()}
    restore_parts(parts, earlier, run.folder.folder, "start a new training")
    run.epoch, run.step = earlier["progress"]["epoch"], earlier["progress"]["step"]
