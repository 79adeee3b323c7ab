"""Stochastic weight averaging: the plain mean of the weights at the ends of the last epochs.

Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI
2018; torch.optim.swa_utils.AveragedModel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from headrace.train.averages.average import Average
from headrace.train.progress import Progress
from headrace.train.schedules.span import Span
from headrace.train.settings.technique import SHARE, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of the mean over epochs."""

    swa_start: float = 0.75
    """Share of the epochs after which the mean begins; until then the weights themselves are
    judged."""

    def __post_init__(self) -> None:
        check_all(self, {"swa_start": SHARE})


class MeanOfEpochs(Average):
    """The mean of the weights after each epoch from `first_epoch` on."""

    name = "swa"

    def __init__(self, model: nn.Module, first_epoch: int, steps_per_epoch: int) -> None:
        super().__init__(model)
        self._first_epoch, self._steps_per_epoch = first_epoch, steps_per_epoch
        self._mean = AveragedModel(model)
        norms = nn.modules.batchnorm._BatchNorm
        self._has_norms = any(isinstance(part, norms) for part in model.modules())

    @property
    def model(self) -> nn.Module:
        return self._mean.module if self._begun else self._trained

    @property
    def stale_norms(self) -> bool:  # type: ignore[override]
        return self._begun and self._has_norms

    @property
    def _begun(self) -> bool:
        return int(self._mean.n_averaged) > 0  # kept on the host

    def after_step(self, progress: Progress) -> None:
        if progress.step != self._steps_per_epoch:
            return
        if progress.epoch < self._first_epoch:
            self._mean.n_averaged.zero_()  # of a run that had fewer epochs, and so began earlier
        else:
            self._mean.update_parameters(self._trained)

    def state_dict(self) -> dict[str, Any]:
        if not self._begun:
            return {}
        return {
            "epochs": int(self._mean.n_averaged),
            "model": self._mean.module.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._mean.n_averaged.copy_(torch.tensor(state["epochs"]))
        self._mean.module.load_state_dict(state["model"])


def build(settings: Settings, model: nn.Module, span: Span) -> MeanOfEpochs:
    """From the epoch at `swa_start` on, of which there is at least the last."""
    epochs = span.total_steps // span.steps_per_epoch
    first = min(epochs - 1, int(settings.swa_start * epochs))
    return MeanOfEpochs(model, first, span.steps_per_epoch)
