"""The kinds of generators by name: how each is built, to be trained or to be drawn from."""

from __future__ import annotations

import torch
from torch import nn

from headrace.train.device.amp import Precision
from headrace.train.generating import flow_training, gan_training
from headrace.train.generating.kind import Generator, Shape, Training
from headrace.train.generating.settings import FitConfig


def start_training(shape: Shape, config: FitConfig, precision: Precision) -> Training:
    """A generator with random weights of --seed, ready for its first step."""
    torch.manual_seed(config.seed)
    if shape.kind == "gan":
        return gan_training.GanTraining(shape, config, precision)
    return flow_training.FlowTraining(shape, config, precision)


def build_network(shape: Shape) -> nn.Module:
    """The network whose weights a file of a generator holds."""
    kind = gan_training if shape.kind == "gan" else flow_training
    return kind.build_network(shape)


def as_generator(shape: Shape, network: nn.Module, precision: Precision) -> Generator:
    """What draws with a network that has its weights."""
    network = network.to(precision.device, memory_format=torch.channels_last)
    network.eval().requires_grad_(False)
    if shape.kind == "gan":
        return gan_training.DrawnGan(network, precision)
    return flow_training.FlowGenerator(shape, network, precision)
