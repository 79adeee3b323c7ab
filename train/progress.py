"""How far a run has come and how good it got: all that decides what happens next."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from headrace.train.metrics.meter import Totals
from headrace.train.ranked import ranked


@dataclass(kw_only=True)
class Progress:
    """The run's position and its best result.

    Attributes:
        epoch, step: position; `step` batches of `epoch` are done.
        global_step: optimiser steps done.
        best_score: the best evaluation so far, of what --best-by names; errors are negative, so
            that higher is better. Minus infinity before the first.
        best_epoch: its epoch.
        bad_epochs: evaluations since then.
        totals: of the running epoch, up to the last log step.
    """

    epoch: int = 0
    step: int = 0
    global_step: int = 0
    best_score: float = -math.inf
    best_epoch: int = -1
    bad_epochs: int = 0
    totals: Totals = field(default_factory=Totals)

    def record(self, score: float) -> bool:
        """Notes an evaluation of the running epoch; True if it is the best so far.

        The first one is, also where its score is not a number; any number is better than that.
        """
        score = ranked(score)
        if score > self.best_score or self.best_epoch < 0:
            self.best_score = score
            self.best_epoch, self.bad_epochs = self.epoch, 0
            return True
        self.bad_epochs += 1
        return False

    def next_step(self) -> None:
        self.step, self.global_step = self.step + 1, self.global_step + 1

    def next_epoch(self) -> None:
        self.epoch, self.step, self.totals = self.epoch + 1, 0, Totals()

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        state = {**state, "totals": Totals(**state["totals"])}
        if "best_accuracy" in state:  # its name in earlier checkpoints
            state["best_score"] = state.pop("best_accuracy")
        saved = Progress(**state)
        for name, value in vars(saved).items():
            setattr(self, name, value)
