"""The kinds of generators by name: how each is built, to be trained or to be drawn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from headrace.train.device.amp import Precision
from headrace.train.generating import flow_training, gan_training
from headrace.train.generating.kind import Generator, Shape, Training
from headrace.train.generating.settings import FitConfig


class Kind(NamedTuple):
    """What a kind is made of.

    Attributes:
        training: builds what is trained, with random weights of torch's generator.
        network: builds the network that draws.
        drawer: what draws with such a network.
    """

    training: Callable[[Shape, FitConfig, Precision], Training]
    network: Callable[[Shape], nn.Module]
    drawer: Callable[[Shape, nn.Module, Precision], Generator]


KINDS = {
    "flow": Kind(
        flow_training.FlowTraining, flow_training.build_network, flow_training.FlowGenerator
    ),
    "gan": Kind(gan_training.GanTraining, gan_training.build_network, gan_training.GanDrawer),
}


def start_training(shape: Shape, config: FitConfig, precision: Precision) -> Training:
    """A generator with random weights of --seed, ready for its first step."""
    torch.manual_seed(config.seed)
    return KINDS[shape.kind].training(shape, config, precision)


def build_network(shape: Shape) -> nn.Module:
    """The network whose weights a file of a generator holds."""
    return KINDS[shape.kind].network(shape)


def as_generator(shape: Shape, network: nn.Module, precision: Precision) -> Generator:
    """What draws with a network that has its weights."""
    network = network.to(precision.device, memory_format=torch.channels_last)
    return KINDS[shape.kind].drawer(shape, network.eval().requires_grad_(False), precision)
