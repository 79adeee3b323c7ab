"""What a run is opened with, besides its settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch

from headrace.train.processes.world import World


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a run begins and what it may use; every stage is given it.

    Attributes:
        checkpoint: the content of a last.pt that the run goes on from, or None for a new run.
        world: the processes of the run.
        device: where it computes.
        resources: gets everything that has to be closed.
        say: shows a line to the user.
    """

    checkpoint: dict[str, Any] | None
    world: World
    device: torch.device
    resources: ExitStack
    say: Callable[[str], None]

    @property
    def is_new(self) -> bool:
        return self.checkpoint is None

    @property
    def epochs_done(self) -> int:
        return 0 if self.checkpoint is None else int(self.checkpoint["progress"]["epoch"])
