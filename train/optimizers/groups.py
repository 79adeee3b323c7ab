"""Parameter groups: which weights decay, and whose learning rate is a part of the schedule's.

Source: no decay on biases and norms, He et al., "Bag of tricks for image classification with
convolutional neural networks", CVPR 2019; layer decay, Clark et al., "ELECTRA", ICLR 2020, and Bao
et al., "BEiT", ICLR 2022, with the layers as timm counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace.pipeline.errors import ConfigError
from headrace.train.settings.technique import ABOVE_ZERO, check, check_all

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class GroupConfig:
    """Learning rates of parts of the model, over that of the schedule."""

    layer_decay: float = 1.0
    """What the learning rate is multiplied by from one layer to the one before it, beginning at
    the head (1: all learn alike)."""
    head_lr: float = 1.0
    """What the learning rate of the head, the last layer, is multiplied by; above 1 where the rest
    has been trained before."""
    bias_lr: float = 1.0
    """What the learning rate of biases and of norms' weights is multiplied by."""

    def __post_init__(self) -> None:
        within = 0 < self.layer_decay <= 1
        check(within, "layer_decay", self.layer_decay, "above 0, at most 1")
        check_all(self, {"head_lr": ABOVE_ZERO, "bias_lr": ABOVE_ZERO})


def parameter_groups(
    model: nn.Module,
    weight_decay: float,
    config: GroupConfig | None = None,
    head_apart: bool = False,
) -> list[dict[str, Any]]:
    """Groups of weights: matrices and kernels with decay, biases and norms (one axis) without.

    Args:
        model: whose weights.
        weight_decay: of the weights that decay.
        config: learning rates of parts, None for one of all; a group whose `lr_scale` is not 1 has
            one, by which every learning rate of the schedule is multiplied.
        head_apart: whether the head is in groups of its own, in which `head` is true.

    Raises:
        ConfigError: for a rate of the head of a model that has none.
    """
    config = config or GroupConfig()
    head = head_names(model)
    if config.head_lr != 1 and not head:
        raise ConfigError("--head-lr: this model has no layer to end with; leave it out")
    layers = layer_numbers(model) if config.layer_decay < 1 else {}
    last = max(layers.values(), default=0)
    groups: dict[tuple[float, bool, bool], dict[str, Any]] = {}
    for decays in (True, False):
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad or (parameter.ndim > 1) != decays:
                continue
            scale = config.layer_decay ** (last - layers[name]) if layers else 1.0
            scale *= config.head_lr if name in head else 1.0
            scale *= 1.0 if decays else config.bias_lr
            key = (scale, decays, head_apart and name in head)
            if key not in groups:
                groups[key] = {"params": [], "weight_decay": weight_decay if decays else 0.0}
                groups[key] |= {"lr_scale": scale} if scale != 1 else {}
                groups[key] |= {"head": key[2]} if head_apart else {}
            groups[key]["params"].append(parameter)
    return list(groups.values())


def head_names(model: nn.Module) -> frozenset[str]:
    """The names of the parameters of the last layer that is linear or a convolution."""
    from torch import nn

    from headrace.train.models.spatial_transformer import behind

    layers = [m for m in behind(model).modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    own = {id(parameter) for parameter in layers[-1].parameters()} if layers else set()
    return frozenset(name for name, found in model.named_parameters() if id(found) in own)


def layer_numbers(model: nn.Module) -> dict[str, int]:
    """Each parameter's layer, the head's being the highest.

    Of a model of timm's these are its blocks. Of any other, each matrix or kernel begins a layer,
    to which the biases and norms that follow belong. A spatial transformer is in the first.
    """
    from headrace.train.models.spatial_transformer import behind

    inner = behind(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    numbers = dict.fromkeys(names.values(), 0)
    blocks: dict[str, int] = {}
    if hasattr(inner, "group_matcher"):
        from timm.models import group_parameters

        blocks = group_parameters(inner, inner.group_matcher(coarse=False), reverse=True)
    number = -1
    for name, parameter in inner.named_parameters():
        number += parameter.ndim > 1
        numbers[names[id(parameter)]] = blocks[name] if blocks else max(0, number)
    return numbers
