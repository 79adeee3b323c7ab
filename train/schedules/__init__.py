"""Learning rate schedules by name, one file each: pure functions of the step."""

from __future__ import annotations

import importlib
from typing import Any

SCHEDULES = {
    "cosine": "headrace.train.schedules.cosine",
}
"""Names and the modules that define `build(config, steps_per_epoch) -> Callable[[int], float]`,
which gives a step's learning rate from the number of optimizer steps done before it."""


def schedule_of(name: str) -> Any:
    """The module of a schedule, imported now."""
    return importlib.import_module(SCHEDULES[name])
