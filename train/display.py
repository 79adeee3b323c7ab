"""What a run says on the screen: a progress bar, a line per epoch, and a report at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from headrace.pipeline.bars import bar
from headrace.pipeline.wording import counted
from headrace.train.clock import spell
from headrace.train.metrics import lower_is_better
from headrace.train.progress import Progress
from headrace.train.verdict import shares

_PHASE_NAMES = {
    "data": "data wait",
    "augment": "augment",
    "step": "step",
    "evaluate": "evaluation",
    "save": "saving",
}


def progress_bar(epoch: int, epochs: int, step: int, steps: int, *, shown: bool = True) -> Any:
    """A bar over the steps of an epoch, of which `step` are done."""
    return bar(
        total=steps,
        initial=step,
        desc=f"epoch {epoch + 1}/{epochs}",
        unit="batch",
        leave=False,
        disable=not shown,
    )


def bar_text(row: Mapping[str, float]) -> str:
    """The numbers behind the bar."""
    return (
        f"loss {row['loss']:.3f}, accuracy {row['accuracy']:.3f}, "
        f"{row['images_per_s']:.0f} images/s, data wait {row['data_wait']:.1%}"
    )


def epoch_line(row: Mapping[str, Any], epochs: int, best: bool, best_by: str = "accuracy") -> str:
    """One finished epoch; `best_by` is shown if it is not shown anyway."""
    text = (
        f"epoch {row['epoch'] + 1:3d}/{epochs}: "
        f"train loss {row['train_loss']:.3f}, accuracy {row['train_accuracy']:.3f}"
    )
    if "val_accuracy" in row:
        text += f"; val loss {row['val_loss']:.3f}, accuracy {row['val_accuracy']:.4f}"
        if best_by not in ("accuracy", "loss"):
            text += f", {best_by} {_number(row[f'val_{best_by}'])}"
        text += " (best)" if best else ""
    return text + (
        f"; {spell(row['seconds'])}, {row['images_per_s']:.0f} images/s; "
        f"{shares_text(row['shares'])}"
    )


def shares_text(shares: Mapping[str, float], names: Mapping[str, str] = _PHASE_NAMES) -> str:
    """Each phase's share of the time, as `verdict.shares` tells it, without `other`.

    Args:
        shares: by phase.
        names: of the phases that there are, for the user.
    """
    return ", ".join(f"{label} {shares[name]:.1%}" for name, label in names.items())


def time_line(shares: Mapping[str, float], names: Mapping[str, str] = _PHASE_NAMES) -> str:
    """Where all of the time went; `shares` and `names` as of `shares_text`."""
    return f"time: {shares_text(shares, names)}, other {shares['other']:.1%}"


def best_value(progress: Progress, best_by: str) -> float | None:
    """The best evaluation's value of what --best-by names; None where it is undefined."""
    if not math.isfinite(progress.best_score):
        return None
    return -progress.best_score if lower_is_better(best_by) else progress.best_score


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def report(
    progress: Progress,
    seconds: Mapping[str, float],
    evaluated: bool,
    split: str,
    best_by: str = "accuracy",
) -> str:
    """The end of a run: the best evaluation, the total time, and where it went."""
    if evaluated and progress.best_epoch >= 0:
        value = _number(best_value(progress, best_by))
        result = f"best {split} {best_by} {value} (epoch {progress.best_epoch + 1})"
    else:
        result = f"{counted(progress.epoch, 'epoch')}, nothing held out to measure on"
    found = shares(seconds)
    return (
        f"{result}, total {spell(seconds['total'])}, data wait {found['data']:.1%}\n"
        f"{time_line(found)}"
    )
