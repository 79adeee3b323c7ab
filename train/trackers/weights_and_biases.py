"""--log wandb: Weights & Biases, through its own client.

WANDB_MODE=offline writes into the run folder's wandb/, for `wandb sync` later; WANDB_PROJECT,
WANDB_ENTITY and the rest of its environment variables hold. Source: docs.wandb.ai/ref/python.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from headrace.train.trackers import PROJECT, About


class WeightsAndBiases:
    """One run there; see Tracker."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self.run_id = str(run.id)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        # A step that it has already, as after a resume, is left out there: it has the same values.
        self._run.log(dict(values), step=step)

    def close(self, complete: bool) -> None:
        self._run.finish(exit_code=0 if complete else 1)


def open_tracker(about: About) -> WeightsAndBiases:
    """Begins a run, or goes on with the one of `about.run_id`."""
    import wandb

    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=about.name,
        id=about.run_id or None,
        resume="allow",
        config=dict(about.settings),
        dir=str(about.folder),
        # It would take the place of stdout otherwise, and of the bars on it.
        settings=wandb.Settings(console="off", quiet=True, login_timeout=60),
    )
    return WeightsAndBiases(run)
