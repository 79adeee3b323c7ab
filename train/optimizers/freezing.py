"""Which stages of a model are trained: the last ones, and with time one more after the other.

A frozen stage gets no gradient, so nothing is kept for one; its batch norms stay in evaluation
mode, also under `model.train()`, or their running statistics would drift away from its weights.

Source: Yosinski et al., "How transferable are features in deep neural networks?", NeurIPS 2014
(frozen early layers); Howard and Ruder, "Universal language model fine-tuning for text
classification", ACL 2018 (gradual unfreezing).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import TYPE_CHECKING

from headrace.pipeline.errors import ConfigError
from headrace.train.optimizers.stages import Stage, stages_of
from headrace.train.settings.technique import NOT_NEGATIVE, check, check_all

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class FreezeConfig:
    """What is trained of the model."""

    train_last: int = 0
    """Train only so many of the last stages, the head being one, and leave the rest as it is (1:
    the head alone; 0: all); `headrace summary` lists a model's stages."""
    unfreeze_every: int = 0
    """After every so many epochs train one stage more, from the head down (0: never)."""

    def __post_init__(self) -> None:
        check_all(self, dict.fromkeys(("train_last", "unfreeze_every"), NOT_NEGATIVE))
        begun = self.train_last > 0 or not self.unfreeze_every
        how = "--train-last N beside it, of which it goes on (1: the head alone)"
        check(begun, "unfreeze_every", self.unfreeze_every, how)

    def num_trained(self, epoch: int) -> int:
        """Of an epoch, counted from 0; more than there are stages means all."""
        more = epoch // self.unfreeze_every if self.unfreeze_every else 0
        return self.train_last + more


class Freezing:
    """Keeps the first stages of a model as they are.

    What is frozen is a function of the epoch, so that a resumed run needs no state of it. An
    optimizer made between this and the first `begin` has all weights that are ever trained; those
    without a gradient it leaves alone, so its groups stay what they are when stages are freed.

    Args:
        model: whose stages; weights that it keeps from training itself stay so.
        config: what is trained.
        say: shows a line to the user.

    Raises:
        ConfigError: if it has not so many stages.
    """

    def __init__(
        self, model: nn.Module, config: FreezeConfig, say: Callable[[str], None] = print
    ) -> None:
        self._model, self._config, self._say = model, config, say
        self._stages = stages_of(model) if config.train_last else ()
        if config.train_last > len(self._stages):
            raise ConfigError(
                f"--train-last is {config.train_last}, but this model has "
                f"{len(self._stages)} stages: {names_of(self._stages) or 'no layer to end with'}; "
                "take fewer, or leave it out to train all"
            )
        self._weights = [
            [weight for weight in stage.parameters if weight.requires_grad]
            for stage in self._stages
        ]
        self._trained = len(self._stages)
        if not config.unfreeze_every:
            self._set(config.train_last)

    def begin(self, epoch: int) -> None:
        """Freezes what is frozen in an epoch, counted from 0, and says what is trained anew."""
        wanted = min(self._config.num_trained(epoch), len(self._stages))
        freed = wanted > self._trained
        self._set(wanted)
        if freed:
            millions = num_trained(self._model) / 1e6
            what = self.shown or "all stages"
            self._say(
                f"epoch {epoch + 1}: trained from now on: {what} ({millions:.2f} M parameters)"
            )

    @property
    def shown(self) -> str:
        """The names of the stages that are trained; "" where all are."""
        frozen = len(self._stages) - self._trained
        return names_of(self._stages[frozen:]) if frozen else ""

    def _set(self, num_trained: int) -> None:
        self._trained = num_trained
        frozen = len(self._stages) - num_trained
        for number, (stage, weights) in enumerate(zip(self._stages, self._weights, strict=True)):
            for weight in weights:
                weight.requires_grad_(number >= frozen)
            for norm in stage.norms:
                keep_still(norm) if number < frozen else let_go(norm, self._model.training)


def keep_still(norm: nn.Module) -> None:
    """Keeps a norm in evaluation mode, whatever mode the model around it is put into."""
    norm.train = MethodType(_stay, norm)  # a copy of the model gets its own
    norm.train()


def let_go(norm: nn.Module, training: bool) -> None:
    """Gives a norm the mode of the model around it again."""
    if "train" in vars(norm):
        del norm.train
    norm.train(training)


def _stay(self: nn.Module, mode: bool = True) -> nn.Module:
    stayed: nn.Module = type(self).train(self, False)
    return stayed


def names_of(stages: tuple[Stage, ...]) -> str:
    return ", ".join(stage.name for stage in stages)


def num_trained(model: nn.Module) -> int:
    """The numbers in a model's weights that are trained."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
