"""Models whose name once meant another: checkpoints of then are told by their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EARLIER = {"report-resnet": "resnet18-strided"}
"""What a name meant before version 0.2, and what that is called now."""


def under_present_name(content: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint's content with the name that its model has today.

    The report's net has biases in its convolutions, the one that was called so has none.
    """
    model, weights = content["model"], content["weights"]
    name = model.get("name") if isinstance(model, Mapping) else None
    # The second name is that behind a spatial transformer.
    if name not in EARLIER or {"0.bias", "model.0.bias"} & weights.keys():
        return content
    now = EARLIER[name]
    config = content["config"]
    if config.get("model") == name:
        config = {**config, "model": now}
    return {**content, "model": {**model, "name": now}, "config": config}
