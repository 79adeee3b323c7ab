"""A model's stages from its input to its head: what is frozen, and trained again, as one.

Found from the module tree, in the order of its definition, so that they are those of timm's and
torchvision's models (`layer1` to `layer4`, the blocks of a transformer) and of a user's own alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

ENOUGH = 4
"""Stages before the head below which the largest is taken apart."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Layers that follow each other.

    Attributes:
        name: the module that they begin with, as in `model.named_modules()`.
        parameters: all their weights.
        norms: their layers that keep running statistics.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    norms: tuple[nn.Module, ...]


def stages_of(model: nn.Module) -> tuple[Stage, ...]:
    """The stages, of which the last is the head: the last layer that is linear or a convolution.

    What holds no matrix or kernel, as a norm, belongs to the stage before it; a container's own
    weights and a spatial transformer belong to the first. A model without such a layer has none.
    """
    from torch import Tensor, nn

    from headrace.train.models.spatial_transformer import behind

    names = {id(module): name for name, module in model.named_modules()}
    layers = [m for m in behind(model).modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    if not layers:
        return ()
    head = layers[-1]
    begins = [block for block in _blocks(behind(model), head) if _is_layer(block, head)]
    number = {id(module): n for n, block in enumerate(begins) for module in block.modules()}
    number[id(head)] = len(begins)
    parameters: list[list[nn.Parameter]] = [[] for _ in range(len(begins) + 1)]
    norms: list[list[nn.Module]] = [[] for _ in range(len(begins) + 1)]
    seen: set[int] = set()
    latest = 0
    for module in model.modules():
        # What lies between two stages, and is in none, belongs to the one before.
        within = number.get(id(module))
        latest = latest if within is None else min(within, max(0, len(begins) - 1))
        place = latest if within is None else within
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen |= {id(p) for p in own}
        parameters[place] += own
        if isinstance(getattr(module, "running_mean", None), Tensor):
            norms[place].append(module)
    return tuple(
        Stage(name=names[id(block)], parameters=tuple(weights), norms=tuple(kept))
        for block, weights, kept in zip([*begins, head], parameters, norms, strict=True)
    )


def _blocks(model: nn.Module, head: nn.Module) -> list[nn.Module]:
    """Modules that follow each other, the largest taken apart while they are few."""
    blocks = [model]
    while sum(_is_layer(block, head) for block in blocks) < ENOUGH:
        parts = [block for block in blocks if _is_layer(block, head) and any(block.children())]
        if not parts:
            break
        largest = max(parts, key=lambda block: _size(block, head))
        place = blocks.index(largest)
        blocks[place : place + 1] = list(largest.children())
    return blocks


def _is_layer(block: nn.Module, head: nn.Module) -> bool:
    """Whether it has a matrix or a kernel beside those of the head."""
    return _size(block, head) > 0


def _size(block: nn.Module, head: nn.Module) -> int:
    """Numbers in its matrices and kernels without the head's."""
    own = {id(parameter) for parameter in head.parameters()}
    return sum(p.numel() for p in block.parameters() if p.ndim > 1 and id(p) not in own)
