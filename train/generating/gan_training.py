"""A GAN as a kind of generator: both networks' steps, and how images are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from headrace.train.averages.ema import MovingAverage
from headrace.train.averages.ema import Settings as AverageSettings
from headrace.train.device.amp import Precision
from headrace.train.generating.gan import (
    NOISE,
    Discriminator,
    GanGenerator,
    relativistic,
    slope_penalty,
)
from headrace.train.generating.kind import Shape, Training
from headrace.train.generating.moving import move
from headrace.train.generating.settings import FitConfig
from headrace.train.step import set_learning_rate

_GAMMA = 0.1  # weight of both gradient penalties for each pixel of the image
_BETAS = (0.0, 0.99)


class GanDrawer:
    """Makes images of noise in one go; see `kind.Generator`."""

    def __init__(self, shape: Shape, network: nn.Module, precision: Precision) -> None:
        self.network = network
        self.noise_shape: tuple[int, ...] = (NOISE,)
        self._precision = precision

    @torch.no_grad()
    def draw(self, noise: Tensor, labels: Tensor, guidance: float, steps: int) -> Tensor:
        with self._precision.autocast():
            made: Tensor = self.network(noise, labels)
        return made.float()


class GanTraining(Training):
    """A generator and its discriminator; see `kind.Training`."""

    def __init__(self, shape: Shape, config: FitConfig, precision: Precision) -> None:
        self._precision = precision
        self._maker = _on_device(build_network(shape), precision)
        self._critic = _on_device(Discriminator(shape.classes, shape.size, shape.width), precision)
        self._gamma = _GAMMA * (shape.size / 32) ** 2
        self._maker_optimizer, self._critic_optimizer = (
            torch.optim.Adam(net.parameters(), lr=config.rate, betas=_BETAS, fused=True)
            for net in (self._maker, self._critic)
        )
        self._maker_scaler = precision.scaler()
        # The critic's loss is computed without mixed precision: nothing of it needs scaling.
        self._critic_scaler = torch.amp.GradScaler(precision.device.type, enabled=False)
        self._average = MovingAverage(AverageSettings(ema_decay=config.ema_decay), self._maker)
        self.drawn = GanDrawer(shape, self._average.model, precision)
        self.parts = {
            "model": self._maker,
            "discriminator": self._critic,
            "optimizer": self._maker_optimizer,
            "discriminator_optimizer": self._critic_optimizer,
            "scaler": self._maker_scaler,
            "average": self._average,
        }

    def step(self, images: Tensor, labels: Tensor, rate: float) -> dict[str, Tensor]:
        for optimizer in (self._maker_optimizer, self._critic_optimizer):
            set_learning_rate(optimizer, rate)
        critic, penalty = self._step_critic(images, labels)
        maker = self._step_maker(images, labels)
        self._average.add()
        return {"loss": maker, "discriminator": critic, "penalty": penalty}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict({"scaler": {}, **state})  # which earlier files lack

    def _step_critic(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), self._precision.autocast():
            made = self._maker(_noise(images), labels).float()
        images, made = images.detach().requires_grad_(), made.requires_grad_()
        # Without mixed precision: the penalties are differentiated twice.
        real, drawn = self._critic(images, labels), self._critic(made, labels)
        loss = relativistic(real, drawn)
        penalty = slope_penalty(real, images) + slope_penalty(drawn, made)
        whole = loss + self._gamma * penalty
        move(whole, self._critic_optimizer, self._critic_scaler)
        return loss.detach(), penalty.detach()

    def _step_maker(self, images: Tensor, labels: Tensor) -> Tensor:
        with self._precision.autocast():
            made = self._maker(_noise(images), labels)
            with torch.no_grad():
                real = self._critic(images, labels)
            loss = relativistic(self._critic(made, labels), real)
        move(loss, self._maker_optimizer, self._maker_scaler)
        self._critic_optimizer.zero_grad(set_to_none=True)  # which the maker's loss has left there
        return loss.detach()


def build_network(shape: Shape) -> nn.Module:
    """The network that draws, with random weights of torch's generator."""
    return GanGenerator(shape.classes, shape.size, shape.width)


def _on_device(network: nn.Module, precision: Precision) -> nn.Module:
    return network.to(precision.device, memory_format=torch.channels_last)


def _noise(images: Tensor) -> Tensor:
    return torch.randn(len(images), NOISE, device=images.device)
