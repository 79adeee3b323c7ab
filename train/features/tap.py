"""What a model's head reads, and putting another head there."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError
from headrace.train.models.head import inputs_of
from headrace.train.optimizers.stages import stages_of


def head_of(model: nn.Module) -> nn.Linear:
    """The linear layer that a model ends with.

    Raises:
        ConfigError: if its last layer is of another kind.
    """
    stages = stages_of(model)
    head = model.get_submodule(stages[-1].name) if stages else None
    if not isinstance(head, nn.Linear) or head.bias is None:
        raise ConfigError(
            f"this model ends with {type(head).__name__ if head else 'no layer'}, expected a "
            "linear layer with a bias, which reads the features; take another, or training with "
            "--train-last 1"
        )
    return head


def tapped(model: nn.Module) -> AbstractContextManager[list[Tensor]]:
    """Meanwhile each pass leaves what the head read, (B, D), in the list."""
    return inputs_of(head_of(model))


def check_tap(model: nn.Module, image: Tensor) -> int:
    """The number of features, once it is sure that the head makes the model's answer of them.

    Args:
        model: in evaluation mode.
        image: (1, 3, H, W), on its device.

    Raises:
        ConfigError: if something comes between.
    """
    with tapped(model) as found, torch.no_grad():
        out = model(image)
        is_read = bool(found) and found[0].ndim == 2
        # NaN, which damaged weights make of everything, is not equal to itself.
        if not is_read or not torch.equal(head_of(model)(found[0]).nan_to_num(), out.nan_to_num()):
            raise ConfigError(
                "this model does not end with its last linear layer; take another, or training "
                "with --train-last 1"
            )
    return found[0].shape[1]
