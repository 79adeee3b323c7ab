"""A learning rate that falls by a factor whenever evaluations get no better for some epochs.

Source: torch.optim.lr_scheduler.ReduceLROnPlateau with a relative threshold; but an evaluation
that is not a number is one that any other is better than. What it has seen is state and kept in
last.pt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headrace.train.hooks import Hook
from headrace.train.progress import Progress
from headrace.train.ranked import ranked
from headrace.train.schedules.span import Span
from headrace.train.settings.technique import NOT_NEGATIVE, Technique, check, check_all

NEEDS_EVALUATION = True


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of the falls."""

    plateau_on: Literal["loss", "accuracy"] = "loss"
    """What of the evaluation has to get better."""
    plateau_patience: int = 10
    """Epochs without a better evaluation that are let pass before the learning rate falls."""
    plateau_threshold: float = 1e-4
    """Share by which an evaluation has to be better than the best one to count as such."""
    plateau_cooldown: int = 0
    """Epochs after a fall in which none is counted."""
    decay_factor: float = 0.1
    """What the learning rate is multiplied by at each fall."""
    min_lr: float = 0.0
    """Learning rate below which it does not fall."""

    def __post_init__(self) -> None:
        names = ("plateau_patience", "plateau_threshold", "plateau_cooldown", "min_lr")
        check_all(self, dict.fromkeys(names, NOT_NEGATIVE))
        check(0 < self.decay_factor < 1, "decay_factor", self.decay_factor, "between 0 and 1")
        known = self.plateau_on in ("loss", "accuracy")
        check(known, "plateau_on", self.plateau_on, "loss or accuracy")


class Plateau(Hook):
    """The learning rate, and what decides on it."""

    name = "plateau"

    def __init__(self, settings: Settings, peak: float) -> None:
        self._settings = settings
        self._rate = peak
        self._best: float | None = None
        self._bad_epochs = 0
        self._cooldown = 0

    def __call__(self, step: int) -> float:
        return self._rate

    def after_epoch(self, progress: Progress, row: Mapping[str, Any], best: bool) -> None:
        settings = self._settings
        value = float(row[f"val_{settings.plateau_on}"])
        if self._better(value):
            self._best, self._bad_epochs = value, 0
        else:
            self._bad_epochs += 1
        if self._cooldown > 0:
            self._cooldown, self._bad_epochs = self._cooldown - 1, 0
        if self._bad_epochs > settings.plateau_patience:
            lower = max(self._rate * settings.decay_factor, settings.min_lr)
            self._rate = min(self._rate, lower)
            self._cooldown, self._bad_epochs = settings.plateau_cooldown, 0

    def _better(self, value: float) -> bool:
        """As of a run's progress: any number is better than what is not one."""
        if self._best is None:
            return True
        sign = -1.0 if self._settings.plateau_on == "loss" else 1.0
        share = 1.0 + sign * self._settings.plateau_threshold
        return ranked(sign * value) > ranked(sign * self._best) * share

    def state_dict(self) -> dict[str, Any]:
        return {
            "rate": self._rate,
            "best": self._best,
            "bad_epochs": self._bad_epochs,
            "cooldown": self._cooldown,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._rate, self._best = state["rate"], state["best"]
        self._bad_epochs, self._cooldown = state["bad_epochs"], state["cooldown"]


def build(settings: Settings, span: Span) -> Plateau:
    """From the peak down."""
    return Plateau(settings, span.peak)
