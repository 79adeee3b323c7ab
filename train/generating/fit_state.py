"""The state of a generator's training: what it consists of, how it is saved, how it goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import to_flat
from headrace.pipeline.planned import PlannedLoader
from headrace.train.clock import Clock
from headrace.train.folder.checkpoint import save_checkpoint
from headrace.train.folder.folder_lock import FolderLock
from headrace.train.folder.journal import Journal
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


def save(run: Fit) -> None:
    """Writes generator.pt and last.pt."""
    with run.clock.phase("save"):
        run.folder.check()
        network = run.training.drawn.network
        told = {
            "generator": dataclasses.asdict(run.shape),
            "classes": list(run.classes),
            "config": to_flat(run.config),
            "weights": network.state_dict(),
            "progress": {"epoch": run.epoch, "step": run.step},
        }
        save_checkpoint(run.folder.folder / GENERATOR_NAME, told)
        state = {
            "training": run.training.state_dict(),
            "seconds": run.clock.snapshot(),
            "log_bytes": run.journal.position_bytes(),
            "data_fingerprint": run.fingerprint,
        }
        save_checkpoint(run.folder.folder / LAST_NAME, {**told, **state})


def restore(run: Fit, earlier: Mapping[str, Any]) -> None:
    """Goes on from a last.pt.

    Raises:
        ConfigError: if it is not what this training saves.
    """
    try:
        run.training.load_state_dict(earlier["training"])
        run.clock.load_state_dict(earlier["seconds"])
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"cannot resume {run.folder.folder}: its {LAST_NAME} is not what this training saves "
            f"({type(error).__name__}); start a new one"
        ) from None
    run.epoch, run.step = earlier["progress"]["epoch"], earlier["progress"]["step"]
