"""Objectives by name, one file each: where the gradient of a step is taken."""

from __future__ import annotations

OBJECTIVES = {
    "loss": "headrace.train.objectives.loss",
    "sam": "headrace.train.objectives.sam",
}
"""Names and the modules that define `Settings` and `build(settings, model) -> Objective`, see
objective.py."""
