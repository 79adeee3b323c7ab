"""Models of timm.

Source: Wightman, "PyTorch image models", github.com/huggingface/pytorch-image-models.
"""

from __future__ import annotations

from typing import Any

from headrace.pipeline.errors import ConfigError, MissingPackageError
from headrace.pipeline.near_names import asked, near_names
from headrace.train.models.published import Published, cannot_build
from headrace.train.models.spec import ModelSpec

_PROPOSED = 5


def statistics(name: str) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and deviation that a model's published weights were trained with, if timm says."""
    try:
        import timm
    except ImportError:
        return None  # `build` says what is missing
    if not timm.is_model(name.partition(".")[0]):
        return None
    published = timm.get_pretrained_cfg(name)
    return None if published is None else (tuple(published.mean), tuple(published.std))


def proposals(name: str) -> list[str]:
    """The names that a wrong one may stand for; itself, if timm knows it; none without timm."""
    try:
        import timm
    except ImportError:
        return []
    if timm.is_model(name.partition(".")[0]):
        return [name]
    known = timm.list_models()
    return (near_names(name, known) or [each for each in known if name in each])[:_PROPOSED]


def build(name: str, spec: ModelSpec, pretrained: bool) -> Published:
    """The model that timm calls `name`, with our classes, size and dropout.

    Raises:
        MissingPackageError: without timm.
        ConfigError: for a name that timm does not know, or an option that it does not take.
        HeadraceError: if published weights cannot be fetched.
    """
    try:
        import timm
    except ImportError as error:
        raise MissingPackageError(
            f'timm:{name} needs timm: pip install "headrace[timm]" ({error})'
        ) from None

    if not timm.is_model(name.partition(".")[0]):
        raise ConfigError(f"timm has no model {name!r}{asked(proposals(name))}")
    options: dict[str, Any] = {"num_classes": spec.num_classes, "drop_rate": spec.dropout}
    published = timm.get_pretrained_cfg(name)
    if published is not None and published.fixed_input_size:
        options["img_size"] = spec.size  # transformers keep one position per patch
    try:
        model = timm.create_model(name, pretrained=pretrained, **options)
    except Exception as error:  # timm and the hub raise a dozen kinds
        raise cannot_build(f"timm:{name}", pretrained, error) from None
    return Published(model, published.num_classes if pretrained and published else None)
