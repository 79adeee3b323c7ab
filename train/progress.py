"""How far a run has come and how good it got: all that decides what happens next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from headrace.train.metrics.meter import Totals


@dataclass(kw_only=True)
class Progress:
    """The run's position and its best result.

    Attributes:
        epoch, step: position; `step` batches of `epoch` are done.
        global_step: optimiser steps done.
        best_accuracy: highest validation accuracy so far, -1 before the first.
        best_epoch: its epoch.
        bad_epochs: evaluations since then.
        totals: of the running epoch, up to the last log step.
    """

    epoch: int = 0
    step: int = 0
    global_step: int = 0
    best_accuracy: float = -1.0
    best_epoch: int = -1
    bad_epochs: int = 0
    totals: Totals = field(default_factory=Totals)

    def record(self, accuracy: float) -> bool:
        """Notes an evaluation of the running epoch; True if it is the best so far."""
        if accuracy > self.best_accuracy:
            self.best_accuracy, self.best_epoch, self.bad_epochs = accuracy, self.epoch, 0
            return True
        self.bad_epochs += 1
        return False

    def next_epoch(self) -> None:
        self.epoch, self.step, self.totals = self.epoch + 1, 0, Totals()

    def finished(self, epochs: int, patience: int) -> bool:
        """Whether all epochs are done, or `patience` of them brought nothing better."""
        return self.epoch >= epochs or self.out_of_patience(patience)

    def out_of_patience(self, patience: int) -> bool:
        return 0 < patience <= self.bad_epochs

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Progress:
        return cls(**{**values, "totals": Totals(**values["totals"])})
