"""What is logged: a row for the steps since the last one, and one for each epoch."""

from __future__ import annotations

from typing import Any

from headrace.train.clock import difference, speeds
from headrace.train.divergence import check_loss
from headrace.train.evaluation.scoring import Scores
from headrace.train.metrics.meter import to_totals
from headrace.train.state import Run
from headrace.train.verdict import shares


def log_steps(run: Run, window: dict[str, float]) -> dict[str, float]:
    """Reads the meter (a sync point) and logs the steps since the clock showed `window`.

    Returns:
        The row that was logged.

    Raises:
        Diverged: if the loss is not a number.
    """
    totals = to_totals(run.world.sum(run.meter.sums.clone()))
    run.meter.clear()
    run.clock.collect()
    check_loss(run, totals.loss)
    progress = run.progress
    progress.totals += totals
    spent = difference(run.clock.snapshot(), window)
    row = {
        "loss": totals.mean_loss,
        "accuracy": totals.accuracy,
        "lr": last_rate(run),
        **speeds(totals.count, spent),
    }
    for hook in run.hooks:
        hook.after_log(progress, row)
    return row


def log_epoch(run: Run, scores: Scores | None, best: bool) -> None:
    """Logs the epoch that has just been evaluated; `scores` is None where nothing is held out."""
    progress = run.progress
    spent = run.epoch_time.spent()
    training = spent["total"] - spent["evaluate"] - spent["save"]
    row: dict[str, Any] = {
        "epoch": progress.epoch,
        "global_step": progress.global_step,
        "lr": last_rate(run),
        "train_loss": progress.totals.mean_loss,
        "train_accuracy": progress.totals.accuracy,
        "images_per_s": progress.totals.count / max(1e-9, training),
        "data_wait": spent["data"] / max(1e-9, spent["total"]),
        "seconds": spent["total"],
        "shares": shares(spent),
    }
    if scores is not None:
        row["val_loss"] = scores.loss
        row |= {f"val_{name}": value for name, value in scores.plain().items()}
    for hook in run.hooks:
        hook.after_epoch(progress, row, best)


def last_rate(run: Run) -> float:
    """The schedule's learning rate of the last step that was done."""
    return run.schedule(run.progress.global_step - 1)
