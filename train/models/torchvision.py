"""Classification models of torchvision.

Source: docs.pytorch.org/vision/stable/models.html.
"""

from __future__ import annotations

from typing import Any

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.near_names import asked, near_names
from headrace.train.models.head import replace_head
from headrace.train.models.published import Published, cannot_build
from headrace.train.models.spec import ModelSpec

CLASSES = 1000
"""Of ImageNet, which all of torchvision's published classifiers tell."""
_PROPOSED = 5


def statistics(name: str) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and deviation that a model's published weights were trained with, if it says so."""
    from torchvision import models

    if name not in models.list_models(module=models):
        return None  # `build` says what there is
    transforms = models.get_model_weights(name).DEFAULT.transforms()
    try:
        return tuple(transforms.mean), tuple(transforms.std)
    except AttributeError:
        return None


def proposals(name: str) -> list[str]:
    """The names that a wrong one may stand for; itself, if torchvision knows it."""
    from torchvision import models

    known = models.list_models(module=models)
    family = [model for model in known if name.split("_")[0] in model]
    return [name] if name in known else (near_names(name, known) or family)[:_PROPOSED]


def build(name: str, spec: ModelSpec, pretrained: bool) -> Published:
    """The model that torchvision calls `name`, with our classes, size and dropout.

    Raises:
        ConfigError: for a name that torchvision does not know, or a dropout that it does not have.
        HeadraceError: if published weights cannot be fetched.
    """
    from torchvision import models

    if name not in models.list_models(module=models):
        hint = asked(proposals(name))
        raise ConfigError(f"torchvision has no classification model {name!r}{hint}")
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False  # its own initialisation takes minutes
        if not pretrained:
            options["aux_logits"] = False  # auxiliary outputs would need a loss of their own
    if name.startswith("vit_"):
        if not isinstance(spec.size, int):
            raise ConfigError(
                f"--size: torchvision:{name} takes squares only; give one number, or take a timm: "
                "model"
            )
        options["image_size"] = spec.size
    if spec.dropout:
        options["dropout"] = spec.dropout
    try:
        model = models.get_model(name, weights="DEFAULT" if pretrained else None, **options)
    except TypeError as error:
        if "dropout" in str(error):
            raise ConfigError(
                f"--dropout: torchvision:{name} has no dropout; leave it out, or take timm:{name}"
            ) from None
        raise cannot_build(f"torchvision:{name}", pretrained, error) from None
    except Exception as error:  # download errors of many kinds
        raise cannot_build(f"torchvision:{name}", pretrained, error) from None
    if getattr(model, "aux_logits", False):
        model.aux_logits = False
    if spec.num_classes != CLASSES:
        replace_head(model, CLASSES, spec.num_classes)
    return Published(model, CLASSES if pretrained else None)
