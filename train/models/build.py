"""A model from what it takes to build it."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from torch import nn

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.near_names import asked, near_names
from headrace.train.models import LIBRARIES, MODELS, own_file
from headrace.train.models.head import check_outputs
from headrace.train.models.places import own_file_parts
from headrace.train.models.published import Published
from headrace.train.models.spatial_transformer import Transformed
from headrace.train.models.spec import ModelSpec
from headrace.train.models.weights import published_line, take_weights
from headrace.train.models.whitening import freeze


def build_model(spec: ModelSpec, pretrained: bool = False) -> nn.Module:
    """Builds a model that maps (B, 3, size, size) floats to (B, num_classes) logits.

    Weights are drawn from torch's global generator.

    Raises:
        ConfigError: for a name that nobody knows, or an option that it does not have.
        HeadraceError: if published weights cannot be fetched.
    """
    return _finished(_named(spec, pretrained).model, spec)


def starting_model(
    spec: ModelSpec, *, pretrained: bool, weights: str, say: Callable[[str], None]
) -> nn.Module:
    """The model that a run starts from: its weights drawn, published, or a file's.

    Args:
        spec: which model.
        pretrained: take the library's own weights.
        weights: file of the weights to take, "" for none.
        say: shows a line to the user.

    Raises:
        HeadraceError: as `build_model`, for weights that do not fit, and for a model that cannot
            take images of this size.
    """
    found = _named(spec, pretrained)
    model = _finished(found.model, spec)
    check_outputs(model, spec)  # now, and not at the first step, when the data has been decoded
    if found.num_classes is not None:
        say(published_line(model, spec, found.num_classes))
    if weights:
        say(take_weights(model, spec, weights))
    return model


def _named(spec: ModelSpec, pretrained: bool) -> Published:
    library, _, name = spec.name.partition(":")
    if name and library in LIBRARIES:
        found: Published = importlib.import_module(LIBRARIES[library]).build(name, spec, pretrained)
        return found
    is_own_file = own_file_parts(spec.name) is not None
    if spec.name not in MODELS and not is_own_file:
        raise ConfigError(_unknown(spec.name))
    if pretrained:
        raise ConfigError(
            f"--pretrained: there are no published weights of {spec.name}; "
            "choose a timm: or torchvision: model, give a file with --weights, or leave it out"
        )
    module = own_file if is_own_file else importlib.import_module(MODELS[spec.name])
    return Published(module.build(spec), None)


def _finished(model: nn.Module, spec: ModelSpec) -> nn.Module:
    """The model with what the spec puts in front of it and keeps from being trained."""
    if spec.whitening:
        freeze(model)
    return Transformed(model) if spec.spatial_transformer else model


def _unknown(name: str) -> str:
    if name.endswith(".py"):
        return f"--model {name} names no function of that file: expected {name}:FUNCTION"
    libraries = ", ".join(f"{library}:NAME" for library in LIBRARIES if library != "hub")
    known = f"{', '.join(MODELS)}, {libraries}, hub:PLACE:NAME or FILE.py:FUNCTION"
    return f"--model is {name!r}, expected {known}{asked(_proposals(name))}"


def _proposals(name: str) -> list[str]:
    """The models that a name may mean: a library's of just that name, one of ours, or any."""
    found = {
        library: importlib.import_module(LIBRARIES[library]).proposals(name)
        for library in ("torchvision", "timm")
    }
    same = [f"{library}:{name}" for library, names in found.items() if name in names]
    others = [f"{library}:{near}" for library, names in found.items() for near in names[:1]]
    return same or near_names(name, MODELS) or others
