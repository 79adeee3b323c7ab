"""Trainings of generators that take a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.pipeline.flat_settings import with_values
from headrace.train.generating.continuing import earlier_settings
from headrace.train.generating.settings import FitConfig

TINY: dict[str, Any] = {
    "size": 16,
    "width": 8,
    "batch_size": 8,
    "epochs": 2,
    "device": "cpu",
    "amp": "off",
    "warmup_steps": 3,
    "log_every": 2,
}


def fit_config(source: Path, folder: Path, **changes: Any) -> FitConfig:
    return FitConfig(**{**TINY, "data": str(source), "out": str(folder), **changes})


def going_on(folder: Path, **changes: Any) -> FitConfig:
    return with_values(earlier_settings(str(folder)), changes)
