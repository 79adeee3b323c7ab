"""A model's last layer: how many classes it tells, and giving it another number of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.wording import one_line
from headrace.train.models.spec import ModelSpec


def num_outputs(model: nn.Module, spec: ModelSpec) -> int:
    """Runs the model on one black image.

    Raises:
        ConfigError: if it does not take images of this size, or gives no row of numbers for each.
    """
    shape = (spec.size, spec.size) if isinstance(spec.size, int) else spec.size
    try:
        with torch.no_grad():  # no inference_mode: lazy layers make their parameters here
            out = model.eval()(torch.zeros(1, 3, *shape))
    except Exception as error:  # whatever a foreign model says
        reason = one_line(error, 200)
        raise ConfigError(
            f"--model {spec.name} cannot take an image of {shape[0]}x{shape[1]} px: {reason}"
        ) from None
    finally:
        model.train()
    if not isinstance(out, Tensor) or out.ndim != 2:
        found = f"a tensor of shape {tuple(out.shape)}" if isinstance(out, Tensor) else repr(out)
        raise ConfigError(
            f"--model {spec.name} gives {' '.join(found.split())[:80]} for one image, expected "
            f"(1, {spec.num_classes})"
        )
    return out.shape[1]


def check_outputs(model: nn.Module, spec: ModelSpec) -> None:
    """Refuses a model that does not tell `spec.num_classes` classes.

    Raises:
        ConfigError: saying what it gives.
    """
    found = num_outputs(model, spec)
    if found != spec.num_classes:
        raise ConfigError(
            f"--model {spec.name} gives {found} numbers for an image, expected one for each of the "
            f"{spec.num_classes} classes"
        )


def head_name(model: nn.Module, num_classes: int) -> str | None:
    """The last linear layer or convolution of `num_classes` outputs; None if there is none."""
    names = [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
        and num_classes in (getattr(layer, "out_features", 0), getattr(layer, "out_channels", 0))
    ]
    return names[-1] if names else None


@contextmanager
def inputs_of(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Meanwhile each pass leaves what the layer read in the list, in the place of the last."""
    found: list[Tensor] = []

    def note(_: nn.Module, inputs: Any) -> None:
        found[:] = [inputs[0]]

    handle = layer.register_forward_pre_hook(note)
    try:
        yield found
    finally:
        handle.remove()


def replace_head(model: nn.Module, before: int, num_classes: int) -> bool:
    """Gives the last classifying layer, of `before` outputs, `num_classes` fresh ones.

    Returns:
        Whether there is such a layer within the model.
    """
    name = head_name(model, before)
    if not name:
        return False
    layer = model.get_submodule(name)
    fresh: nn.Module
    if isinstance(layer, nn.Linear):
        fresh = nn.Linear(layer.in_features, num_classes, bias=layer.bias is not None)
    else:  # SqueezeNet classifies by a 1×1 convolution
        assert isinstance(layer, nn.Conv2d)
        fresh = nn.Conv2d(
            layer.in_channels, num_classes, layer.kernel_size, bias=layer.bias is not None
        )
        if hasattr(model, "num_classes"):
            model.num_classes = num_classes
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, fresh)
    return True
