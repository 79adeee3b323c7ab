"""An exponential moving average of the weights and the running statistics, over steps.

Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992;
as timm's ModelEmaV3 and torch.optim.swa_utils.AveragedModel, of which the second waits for the
device at each step. The decay rises at first, as TensorFlow's ExponentialMovingAverage, or short
runs would judge their initial weights.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from headrace.train.averages.average import Average
from headrace.train.progress import Progress
from headrace.train.schedules.span import Span
from headrace.train.settings.technique import SHARE, Technique, check_all


@dataclass(frozen=True, kw_only=True)
class Settings(Technique):
    """Of the moving average."""

    ema_decay: float = 0.999
    """Share of the average that goes on at each step."""
    ema_ramp: bool = True
    """Begin with a smaller one, (1 + n) / (10 + n) after n steps, while it is smaller."""

    def __post_init__(self) -> None:
        check_all(self, {"ema_decay": SHARE})


class MovingAverage(Average):
    """The average, which begins at the initial weights."""

    name = "ema"

    def __init__(self, settings: Settings, model: nn.Module) -> None:
        super().__init__(model)
        self._settings = settings
        self._steps = 0
        self._mean = copy.deepcopy(model).requires_grad_(False)

    @property
    def model(self) -> nn.Module:
        return self._mean

    def decay(self) -> float:
        """Of the next step."""
        ramp = (1 + self._steps) / (10 + self._steps) if self._settings.ema_ramp else 1.0
        return min(self._settings.ema_decay, ramp)

    def after_step(self, progress: Progress) -> None:
        self.add()

    @torch.no_grad()
    def add(self) -> None:
        """Takes in the weights as they are now, after one more step."""
        means, values = tensors(self._mean), tensors(self._trained)
        floats = [number for number, mean in enumerate(means) if mean.is_floating_point()]
        torch._foreach_lerp_(
            [means[number] for number in floats],
            [values[number] for number in floats],
            1 - self.decay(),
        )
        for mean, value in zip(means, values, strict=True):
            if not mean.is_floating_point():
                mean.copy_(value)  # such as the number of batches that a norm has seen
        self._steps += 1

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps, "model": self._mean.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._steps = state["steps"]
        self._mean.load_state_dict(state["model"])


def tensors(model: nn.Module) -> list[Tensor]:
    """Weights and running statistics."""
    return [*model.parameters(), *model.buffers()]


def build(settings: Settings, model: nn.Module, span: Span) -> MovingAverage:
    """From the model's weights on."""
    return MovingAverage(settings, model)
