"""Whether a run that is to be continued has anything left to do; known before its data is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.wording import counted
from headrace.train.display import best_value
from headrace.train.folder.resume import resume_command
from headrace.train.hooks.patience import Patience
from headrace.train.progress import Progress
from headrace.train.settings.config import RunConfig


def finished_line(checkpoint: Mapping[str, Any], config: RunConfig, folder: Path) -> str:
    """What to say of a run that is finished already, and how to train it longer; "" if it is not.

    Args:
        checkpoint: the content of its last.pt.
        config: the settings with which it is to go on.
        folder: the run's.

    Raises:
        ConfigError: if more epochs have been begun than the settings want, or the schedule is to
            begin in one that is not there yet.
    """
    progress = Progress()
    progress.load_state_dict(checkpoint["progress"])
    optim, begun = config.optim, progress.epoch + (progress.step > 0)
    if optim.epochs < begun:
        raise ConfigError(
            f"--epochs is {optim.epochs}, but {counted(begun, 'epoch')} of {folder} are done or "
            f"begun; give {begun + 1} or more to train longer, or start a new run"
        )
    if optim.schedule_from > progress.epoch:
        raise ConfigError(
            f"--schedule-from is {optim.schedule_from}, expected 0 to {progress.epoch}, the epochs "
            "that are done"
        )
    best, value = "", best_value(progress, optim.best_by)
    if progress.best_epoch >= 0 and value is not None:
        best = f", best {optim.best_by} {value:.4f} (epoch {progress.best_epoch + 1})"
    if progress.epoch >= optim.epochs:
        more = resume_command(folder, "--epochs", 2 * optim.epochs)
        return (
            f"{folder} is finished already: {counted(progress.epoch, 'epoch')}{best}; train longer "
            f"with `{more}`"
        )
    if Patience(optim.patience).wants_end(progress):
        return (
            f"{folder} is finished already: it stopped after {counted(progress.epoch, 'epoch')}, "
            f"{progress.bad_epochs} without a better {optim.best_by}{best}; train longer with "
            f"`{resume_command(folder, '--patience', 2 * progress.bad_epochs)}`"
        )
    return ""
