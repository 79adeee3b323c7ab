"""A model's layers in the order of its definition: output shapes, parameters and operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from headrace.train.optimizers.stages import stages_of


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A module without children, or the parameters that one with children holds itself.

    Attributes:
        name: where it is in the model, "" for the model itself.
        kind: its class.
        output: shape of its output for one image, without the batch; None if it is not called.
        parameters: counted where they come first, if several layers share them.
        trainable: those of them that training moves.
        flops: of one image in the forward pass, two for a multiplication with an addition; only of
            matrix products, convolutions and attention.
    """

    name: str
    kind: str
    output: tuple[int, ...] | None
    parameters: int
    trainable: int
    flops: int


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """All layers, all operations of one image (those between layers too), names of the stages."""

    layers: tuple[Layer, ...]
    flops: int
    stages: tuple[str, ...]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable(self) -> int:
        return sum(layer.trainable for layer in self.layers)


def count_layers(model: nn.Module, image: Tensor) -> Numbers:
    """Runs the model on one image, in evaluation mode, and counts.

    Args:
        model: on any device; it is left in the mode that it was in.
        image: (1, 3, H, W) float32, on the same device.
    """
    outputs: dict[str, tuple[int, ...]] = {}
    hooks = [
        module.register_forward_hook(_noting(name, outputs))
        for name, module in model.named_modules()
    ]
    counter = FlopCounterMode(display=False)
    mode = model.training
    try:
        # With gradients and plain attention: the fused kernels of inference are not counted.
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            model.eval()(image)
    finally:
        model.train(mode)
        for hook in hooks:
            hook.remove()
    root = type(model).__name__
    flops = {
        name.removeprefix(f"{root}.") if name != root else "": sum(counts.values())
        for name, counts in counter.get_flop_counts().items()
    }
    seen: set[int] = set()
    layers = []
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen |= {id(p) for p in own}
        is_leaf = not any(True for _ in module.children())
        if is_leaf or own:
            layers.append(
                Layer(
                    name=name,
                    kind=type(module).__name__,
                    output=outputs.get(name),
                    parameters=sum(p.numel() for p in own),
                    trainable=sum(p.numel() for p in own if p.requires_grad),
                    flops=flops.get(name, 0) if is_leaf else 0,
                )
            )
    return Numbers(
        layers=tuple(layers),
        flops=counter.get_total_flops(),
        stages=tuple(stage.name for stage in stages_of(model)),
    )


def _noting(name: str, outputs: dict[str, tuple[int, ...]]) -> Callable[..., None]:
    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple | list) and output else output
        if isinstance(first, Tensor):
            outputs[name] = tuple(first.shape[1:])

    return note
