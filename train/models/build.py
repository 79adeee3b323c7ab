"""A model from its name."""

from __future__ import annotations

import importlib

from torch import nn

from headrace.pipeline.errors import ConfigError
from headrace.train.models import LIBRARIES, MODELS, RENAMED
from headrace.train.models.spec import ModelSpec


def build_model(spec: ModelSpec, pretrained: bool = False) -> nn.Module:
    """Builds a model that maps (B, 3, size, size) floats to (B, num_classes) logits.

    Weights are drawn from torch's global generator.

    Raises:
        ConfigError: for a name that nobody knows, or an option that it does not have.
        HeadraceError: if published weights cannot be fetched.
    """
    library, _, name = spec.name.partition(":")
    if name and library in LIBRARIES:
        return importlib.import_module(LIBRARIES[library]).build(name, spec, pretrained)
    own = RENAMED.get(spec.name, spec.name)
    if own not in MODELS:
        libraries = " or ".join(f"{library}:NAME" for library in LIBRARIES)
        raise ConfigError(f"--model is {spec.name!r}, expected {', '.join(MODELS)}, {libraries}")
    if pretrained:
        raise ConfigError(
            f"--pretrained: there are no published weights of {spec.name}; "
            "choose a timm: or torchvision: model, or leave it out"
        )
    return importlib.import_module(MODELS[own]).build(spec)
