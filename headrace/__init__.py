"""Headrace: pack a folder of JPEGs once, then load, augment and train at the speed of the device.

This is the public way in; what it exports is listed in `_HOMES`, and nothing else is promised to
stay. Names are imported when they are first used, so that what needs no torch starts at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.augment import build_augmenter
    from headrace.augment.preprocess import Preprocess
    from headrace.pipeline.backend import LoaderConfig
    from headrace.pipeline.batch import Batch
    from headrace.pipeline.crops.settings import CropConfig
    from headrace.pipeline.errors import (
        BadSampleError,
        ClosedError,
        ConfigError,
        HeadraceError,
        MissingPackageError,
        RecordsError,
    )
    from headrace.pipeline.loader import open_loader
    from headrace.pipeline.loaders.settings import DecodeConfig
    from headrace.pipeline.plan import PlanConfig
    from headrace.pipeline.records import Records
    from headrace.train.folder.checkpoint import CheckpointError
    from headrace.train.run import run_training
    from headrace.train.settings.config import (
        DataConfig,
        ModelConfig,
        OptimConfig,
        RunConfig,
        RuntimeConfig,
    )

__version__ = "0.2.0"

_HOMES = {
    "BadSampleError": "pipeline.errors",
    "Batch": "pipeline.batch",
    "CheckpointError": "train.folder.checkpoint",
    "ClosedError": "pipeline.errors",
    "ConfigError": "pipeline.errors",
    "CropConfig": "pipeline.crops.settings",
    "DataConfig": "train.settings.config",
    "DecodeConfig": "pipeline.loaders.settings",
    "HeadraceError": "pipeline.errors",
    "LoaderConfig": "pipeline.backend",
    "MissingPackageError": "pipeline.errors",
    "ModelConfig": "train.settings.config",
    "OptimConfig": "train.settings.config",
    "PlanConfig": "pipeline.plan",
    "Preprocess": "augment.preprocess",
    "Records": "pipeline.records",
    "RecordsError": "pipeline.errors",
    "RunConfig": "train.settings.config",
    "RuntimeConfig": "train.settings.config",
    "build_augmenter": "augment",
    "open_loader": "pipeline.loader",
    "run_training": "train.run",
}

__all__ = [  # spelt out for type checkers; a test holds it to _HOMES
    "BadSampleError",
    "Batch",
    "CheckpointError",
    "ClosedError",
    "ConfigError",
    "CropConfig",
    "DataConfig",
    "DecodeConfig",
    "HeadraceError",
    "LoaderConfig",
    "MissingPackageError",
    "ModelConfig",
    "OptimConfig",
    "PlanConfig",
    "Preprocess",
    "Records",
    "RecordsError",
    "RunConfig",
    "RuntimeConfig",
    "__version__",
    "build_augmenter",
    "open_loader",
    "run_training",
]


if not TYPE_CHECKING:  # or a type checker would believe in any name

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'headrace' has no attribute {name!r}")
        return getattr(importlib.import_module(f"headrace.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
