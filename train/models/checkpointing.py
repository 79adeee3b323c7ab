"""Activation checkpointing: of a model in segments, only the inputs are kept for the gradient.

Source: Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174, by
torch.utils.checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from types import MethodType

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from headrace.pipeline.errors import ConfigError


def checkpoint_activations(model: nn.Module) -> None:
    """Makes the outermost sequences of layers compute their activations anew in the backward pass.

    Weights, their names, gradients and running statistics stay what they would be.

    Raises:
        ConfigError: if the model has no sequence that could be cut.
    """
    sequences = [found for found in outermost(model) if num_layers(found) > 1]
    if not sequences:
        raise ConfigError(
            "--activation-checkpointing: this model has no nn.Sequential of several layers to cut; "
            "leave it out"
        )
    for sequence in sequences:
        # A bound method, which a deep copy of the model binds to the copy.
        sequence.forward = MethodType(_forward, sequence)


def can_be_cut(model: nn.Module) -> bool:
    """Whether `checkpoint_activations` finds anything to do."""
    return any(num_layers(found) > 1 for found in outermost(model))


def outermost(module: nn.Module) -> Iterator[nn.Sequential]:
    """Every nn.Sequential that is in no other and runs its layers as torch's own does."""
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        yield module
        return
    for child in module.children():
        yield from outermost(child)


def num_layers(module: nn.Module) -> int:
    """Layers with weights of their own."""
    return sum(1 for layer in module.modules() if any(True for _ in layer.parameters(False)))


def segments(sequence: nn.Sequential) -> list[list[nn.Module]]:
    """The layers, cut in front of every convolution, linear layer and block that has weights."""
    found: list[list[nn.Module]] = []
    for layer in sequence:
        heads = isinstance(layer, nn.Conv2d | nn.Linear) or any(layer.children())
        if not found or (heads and any(True for _ in layer.parameters())):
            found.append([])
        found[-1].append(layer)
    return found


def _forward(self: nn.Sequential, x: Tensor) -> Tensor:
    for layers in segments(self):
        run = partial(_run, layers)
        if not torch.is_grad_enabled():
            x = run(x)
        elif torch.compiler.is_compiling():  # which writes running statistics once by itself
            x = checkpoint(run, x, use_reentrant=False)
        else:
            x = checkpoint(run, x, use_reentrant=False, context_fn=_contexts(layers))
    return x


def _run(layers: list[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _contexts(
    layers: list[nn.Module],
) -> Callable[[], tuple[AbstractContextManager[None], AbstractContextManager[None]]]:
    """For the first pass and for the one that repeats it."""
    return lambda: (nullcontext(), _statistics_kept(layers))


@contextmanager
def _statistics_kept(layers: list[nn.Module]) -> Iterator[None]:
    """Meanwhile batch normalisation does not count a batch that it has counted already."""
    norms = [
        module
        for layer in layers
        for module in layer.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        and module.training
        and module.track_running_stats
    ]
    # The statistics stay arguments, or fewer tensors would be kept than in the first pass.
    before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, momentum, count in before:
            norm.momentum, norm.num_batches_tracked = momentum, count
