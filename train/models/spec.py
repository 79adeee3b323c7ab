"""What it takes to build the same model again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from headrace.pipeline.crops.settings import Size
from headrace.train.models.places import code_hash
from headrace.train.settings.config import ModelConfig


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What it takes to build the same model again.

    Attributes:
        name: a key of `headrace.train.models.MODELS`, `timm:NAME`, `torchvision:NAME`,
            `hub:PLACE:NAME` or `FILE.py:function`.
        num_classes: outputs.
        size: side of the input, or its height and width, px; only transformers depend on it.
        dropout: probability in front of the last linear layers.
        spatial_transformer: whether one stands in front.
        whitening: whether the first layer whitens patches, and is not trained.
        code: a hash of a user's own file; "" for any other model, or to take the file as it is.
    """

    name: str
    num_classes: int
    size: Size
    dropout: float = 0.0
    spatial_transformer: bool = False
    whitening: bool = False
    code: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def spec_of(config: ModelConfig, num_classes: int, size: Size) -> ModelSpec:
    """What the settings ask for.

    Raises:
        ConfigError: if a user's own file cannot be read.
    """
    return ModelSpec(
        name=config.model,
        num_classes=num_classes,
        size=size,
        dropout=config.dropout,
        spatial_transformer=config.spatial_transformer,
        whitening=config.whitening,
        code=code_hash(config.model),
    )
