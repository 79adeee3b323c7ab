"""How the weights are moved: what all runs can set of it, and the settings of what was chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import one_of
from headrace.pipeline.limits import check_limits
from headrace.train.averages import AVERAGES
from headrace.train.losses import LOSSES
from headrace.train.losses.distillation import DistillConfig
from headrace.train.losses.penalty import PenaltyConfig
from headrace.train.metrics import DECIDING
from headrace.train.models.adapters import AdapterConfig
from headrace.train.objectives import OBJECTIVES
from headrace.train.optimizers import OPTIMIZERS
from headrace.train.optimizers.freezing import FreezeConfig
from headrace.train.optimizers.groups import GroupConfig
from headrace.train.schedules import SCHEDULES
from headrace.train.schedules.batch_scaling import ScalingConfig
from headrace.train.settings.rooms import ROOMS, settings_kind, technique_of
from headrace.train.settings.technique import (
    NOT_NEGATIVE,
    Technique,
    check,
    check_all,
    check_choice,
)


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """How the weights are moved.

    What one technique alone can set is in a field of its own, `optimizer_settings` and so on, whose
    type its name decides. Left out, it has that technique's defaults, as those of SGD in
    `OptimConfig(optimizer="sgd")`.
    """

    epochs: int = 20
    """Passes over the training split."""
    optimizer: Annotated[str, one_of(tuple(OPTIMIZERS))] = "adamw"
    """What moves the weights."""
    lr: float | None = None
    """Highest learning rate; by default the optimizer's own (0.001 for adamw, 0.05 for sgd)."""
    weight_decay: float | None = None
    """On weight matrices only, never on biases and norms; by default the optimizer's own (0.05 for
    adamw, 0.0005 for sgd)."""
    scaling: ScalingConfig = field(default_factory=ScalingConfig)
    groups: GroupConfig = field(default_factory=GroupConfig)
    freeze: FreezeConfig = field(default_factory=FreezeConfig)
    adapters: AdapterConfig = field(default_factory=AdapterConfig)
    schedule: Annotated[str, one_of(tuple(SCHEDULES))] = "cosine"
    """How the learning rate goes after the warm-up."""
    warmup_epochs: float = 1.0
    """Epochs (or a part of one) over which the learning rate rises from zero."""
    schedule_from: int = 0
    """With --resume and more --epochs: the epoch, counted from 0, at which the schedule begins anew
    (warm-up included) to go over those that are left; by default it is stretched over all."""
    loss: Annotated[str, one_of(tuple(LOSSES))] = "cross-entropy"
    """What is made smaller; what is shown is always the cross-entropy, to compare with that of
    validation."""
    penalty: PenaltyConfig = field(default_factory=PenaltyConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)
    objective: Annotated[str, one_of(tuple(OBJECTIVES))] = "loss"
    """Where the gradient is taken: of the loss where the weights are, or as sam does."""
    accumulate: int = 1
    """Cut each batch into so many parts, one after the other through the network, for one step:
    less memory, the same gradient."""
    clip_grad: float = 1.0
    """Largest gradient norm per step (0: no clipping)."""
    average: Annotated[str, one_of(tuple(AVERAGES))] = "none"
    """Mean of the weights over steps (ema) or epochs (swa), which is then judged and saved as
    best."""
    patience: int = 0
    """Stop after this many epochs without a better evaluation (0: never)."""
    best_by: Annotated[str, one_of(DECIDING)] = "accuracy"
    """What makes an evaluation better than another, for best.pt and --patience: a metric, of which
    ece is better where it is low, as the loss is."""
    optimizer_settings: Technique = field(default_factory=Technique)
    schedule_settings: Technique = field(default_factory=Technique)
    loss_settings: Technique = field(default_factory=Technique)
    objective_settings: Technique = field(default_factory=Technique)
    average_settings: Technique = field(default_factory=Technique)

    def __post_init__(self) -> None:
        check_limits(self)
        for room, techniques in ROOMS.items():
            name = getattr(self, room)
            check_choice(room, name, techniques)
            self._take(room, settings_kind(room, name))
        if self.adapters and self.freeze.train_last:
            raise ConfigError(
                f"--adapter {self.adapters.adapter} and --train-last exclude each other: adapters "
                "are trained beside all layers, which are frozen; leave one out"
            )
        check_choice("best_by", self.best_by, DECIDING)
        check(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        inside = 0 <= self.schedule_from < self.epochs
        check(inside, "schedule_from", self.schedule_from, f"0 to below --epochs {self.epochs}")
        check(self.lr is None or self.lr > 0, "lr", self.lr, "above 0")
        decay = self.weight_decay
        check(decay is None or decay >= 0, "weight_decay", decay, "0 or more")
        check(self.accumulate >= 1, "accumulate", self.accumulate, "at least 1")
        names = ("warmup_epochs", "clip_grad", "patience")
        check_all(self, dict.fromkeys(names, NOT_NEGATIVE))

    def _take(self, room: str, kind: type[Technique]) -> None:
        """Puts the technique's own settings where none were given."""
        given = self.settings_of(room)
        if type(given) is Technique:
            object.__setattr__(self, f"{room}_settings", kind())
        elif type(given) is kind:
            check_limits(given)
        else:
            raise ConfigError(
                f"{room} is {getattr(self, room)!r}, but {room}_settings are "
                f"{type(given).__module__}.Settings, expected {kind.__module__}.Settings"
            )

    def settings_of(self, room: str) -> Any:
        """The own settings of the technique that was chosen in a room of ROOMS."""
        return getattr(self, f"{room}_settings")

    def build(self, room: str, *needed: Any) -> Any:
        """What the technique that was chosen in a room makes of its settings and what it needs."""
        technique = technique_of(room, getattr(self, room))
        return technique.build(self.settings_of(room), *needed)

    @property
    def needs_evaluation(self) -> str:
        """The flag for which something has to be held out; "" if there is none."""
        if self.patience:
            return "--patience"
        technique = technique_of("schedule", self.schedule)
        needs = getattr(technique, "NEEDS_EVALUATION", False)
        return f"--schedule {self.schedule}" if needs else ""

    @property
    def several_passes(self) -> str:
        """The flag for which a step goes through the network more than once, or ""."""
        if self.accumulate > 1:
            return f"--accumulate {self.accumulate}"
        technique = technique_of("objective", self.objective)
        again = getattr(technique, "SEVERAL_PASSES", False)
        return f"--objective {self.objective}" if again else ""

    @property
    def chosen(self) -> dict[str, str]:
        """Room to the name of its technique."""
        return {room: getattr(self, room) for room in ROOMS}

    def choosing(self, names: Mapping[str, str]) -> OptimConfig:
        """The same with other techniques by room, of which each has its defaults."""
        new = {room: name for room, name in names.items() if name != getattr(self, room)}
        blank = {f"{room}_settings": Technique() for room in new}
        changed: dict[str, Any] = {**new, **blank}
        return dataclasses.replace(self, **changed)

    @property
    def peak_lr(self) -> float:
        """The highest learning rate: as given, or the optimizer's own."""
        own: float = self.settings_of("optimizer").lr
        return own if self.lr is None else self.lr

    def for_batches(self, batch_size: int) -> OptimConfig:
        """The same with the learning rate that --lr-scaling gives to steps of so many samples."""
        if self.scaling.lr_scaling == "none":
            return self
        rate = self.peak_lr * self.scaling.factor(batch_size)
        return dataclasses.replace(self, lr=rate, scaling=ScalingConfig())

    @property
    def decay(self) -> float:
        """The weight decay: as given, or the optimizer's own."""
        own: float = self.settings_of("optimizer").weight_decay
        return own if self.weight_decay is None else self.weight_decay
