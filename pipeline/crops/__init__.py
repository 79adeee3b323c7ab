"""How a sample is cut: one file is one way, which turns sizes into boxes for a whole epoch.

Each module defines `cut(heights, widths, config, shape, uniform) -> Cuts`.
"""

from __future__ import annotations

import importlib
from typing import Any

TRAINING = {
    "random-resized": "headrace.pipeline.crops.random_resized",
    "padded": "headrace.pipeline.crops.padded",
    "centre": "headrace.pipeline.crops.centre",
    "squash": "headrace.pipeline.crops.squash",
    "letterbox": "headrace.pipeline.crops.letterbox",
}
"""Names of crops that training may use, and their modules."""

EVALUATION = {name: TRAINING[name] for name in ("centre", "squash", "letterbox")}
"""Those that draw nothing, so that evaluation may use them too."""

PLACING = frozenset(("padded", "letterbox"))
"""Those whose boxes need not fill the batch's image."""


PART = "headrace.pipeline.crops.part"
"""Of what evaluation takes, for test-time augmentation; not to be chosen by name."""


def crop_of(name: str) -> Any:
    """The module of a crop."""
    return importlib.import_module({**TRAINING, "part": PART}[name])
