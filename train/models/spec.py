"""What it takes to build the same model again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from headrace.pipeline.crops.settings import Size


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What it takes to build the same model again.

    Attributes:
        name: a key of `headrace.train.models.MODELS`, `timm:NAME` or `torchvision:NAME`.
        num_classes: outputs.
        size: side of the input, or its height and width, px; only transformers depend on it.
        dropout: probability in front of the last linear layers.
    """

    name: str
    num_classes: int
    size: Size
    dropout: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
