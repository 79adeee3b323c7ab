"""The model of a checkpoint, with its weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import nn

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.wording import one_line
from headrace.train.models.adapters import add_adapters, merged
from headrace.train.models.build import build_model
from headrace.train.models.places import own_file_parts, with_whole_path
from headrace.train.models.spec import ModelSpec
from headrace.train.settings.config_file import from_flat


def saved_spec(
    checkpoint: Mapping[str, Any], own: str = "", source: str = "the checkpoint"
) -> ModelSpec:
    """What a checkpoint's model is built from.

    Args:
        checkpoint: content of a .pt file of a run.
        own: where the user's own file of the model is now, `FILE.py:function`, and that it is to be
            taken as it is; "" for where it was, unchanged.
        source: what the user calls the checkpoint, for errors.

    Raises:
        ConfigError: if a file is named for a model that is of none, or what is told of the model is
            not enough.
    """
    try:
        spec = ModelSpec(**checkpoint["model"])
    except TypeError as error:
        raise ConfigError(f"{source}: its model cannot be built: {one_line(error, 200)}") from None
    if not own:
        if own_file_parts(spec.name) and not spec.code:
            raise ConfigError(
                f"{source} names {spec.name} but no hash of that file, so it was not written "
                "by a run; say --model FILE.py:FUNCTION to run a file all the same"
            )
        return spec
    if own_file_parts(spec.name) is None:
        raise ConfigError(f"--model {own}: the checkpoint is of {spec.name}; leave --model out")
    if own_file_parts(own) is None:
        raise ConfigError(f"--model is {own!r}, expected FILE.py:FUNCTION, as {spec.name} is")
    return dataclasses.replace(spec, name=with_whole_path(own), code="")


def saved_model(
    checkpoint: Mapping[str, Any], own: str = "", source: str = "the checkpoint"
) -> nn.Module:
    """The model with the checkpoint's weights, on the CPU; arguments as of `saved_spec`.

    Raises:
        HeadraceError: if it cannot be built, or the weights are not its own.
    """
    spec = saved_spec(checkpoint, own, source)
    model, weights = build_model(spec), checkpoint["weights"]
    if apart := any(".base_layer." in name for name in weights):  # a last.pt: still beside them
        names = ("adapter", "adapter_rank", "adapter_scale")
        told = {name: checkpoint["config"][name] for name in names if name in checkpoint["config"]}
        adapters = from_flat(told, f"{source}: config").optim.adapters
        if not adapters:
            raise ConfigError(f"{source}: its weights have adapters, but its config names none")
        add_adapters(model, adapters)
    if "adapter" in checkpoint:
        raise ConfigError(
            "an adapter.pt holds adapters alone; best.pt beside it has them in the model's weights"
        )
    try:
        model.load_state_dict(weights)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        reason = one_line(error, 300)
        raise ConfigError(f"{source}: its weights do not fit {spec.name}: {reason}") from None
    return merged(model) if apart else model
