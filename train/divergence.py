"""Numbers that are none: looked for before they are logged or saved."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn

from headrace.pipeline.errors import FailedError
from headrace.train.folder.run_folder import BEST_NAME, GENERATOR_NAME, LAST_NAME
from headrace.train.state import Run


class Diverged(FailedError):
    """The loss or the weights are no longer numbers."""


def check_loss(run: Run, loss: float) -> None:
    """Refuses a loss that is not a number.

    Raises:
        Diverged: saying what is left and what to try.
    """
    if not math.isfinite(loss):
        raise _diverged(run, "the loss is not a number")


def check_weights(run: Run) -> None:
    """Refuses to save weights that are not numbers over ones that are (a sync point).

    Raises:
        Diverged: saying what is left and what to try.
    """
    if not weights_finite(run.model):
        raise _diverged(run, "a weight is not a number")


def weights_finite(model: nn.Module) -> bool:
    """Whether every parameter is a finite number."""
    sums = [parameter.detach().float().sum() for parameter in model.parameters()]
    return bool(torch.stack(sums).isfinite().all())


def _diverged(run: Run, what: str) -> Diverged:
    return diverged(
        f"{what} at epoch {run.progress.epoch + 1}, step {run.progress.step}",
        run.folder,
        f"a lower --lr (now {run.config.optim.peak_lr:g}), more --warmup-epochs",
    )


def diverged(what: str, folder: Path, smaller: str) -> Diverged:
    """Tells the user what is left and what to try.

    Args:
        what: happened, and when.
        folder: the run's.
        smaller: what makes the steps smaller.
    """
    kept = " and ".join(
        name for name in (LAST_NAME, BEST_NAME, GENERATOR_NAME) if (folder / name).exists()
    )
    left = f"{kept} in {folder} stay as they were" if kept else "nothing was saved yet"
    return Diverged(f"{what}; {left}; try {smaller} or --amp off")
