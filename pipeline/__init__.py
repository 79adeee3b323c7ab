"""Headrace's pipeline: from packed records to batches on the device.

Names are imported when they are first used, so that tools which need no torch start at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.pipeline.backend import LoaderConfig
    from headrace.pipeline.batch import Batch
    from headrace.pipeline.errors import (
        BadSampleError,
        ClosedError,
        ConfigError,
        HeadraceError,
        MissingPackageError,
        RecordsError,
    )
    from headrace.pipeline.loader import LOADERS, Loader, open_loader
    from headrace.pipeline.manifest import Manifest, Skipped
    from headrace.pipeline.plan import EpochPlan, PlanConfig, make_plan
    from headrace.pipeline.planned import PlannedLoader
    from headrace.pipeline.records import Records

_HOMES = {
    "backend": ["LoaderConfig"],
    "batch": ["Batch"],
    "errors": [
        "BadSampleError",
        "ClosedError",
        "ConfigError",
        "HeadraceError",
        "MissingPackageError",
        "RecordsError",
    ],
    "loader": ["LOADERS", "Loader", "open_loader"],
    "manifest": ["Manifest", "Skipped"],
    "plan": ["EpochPlan", "PlanConfig", "make_plan"],
    "planned": ["PlannedLoader"],
    "records": ["Records"],
}

__all__ = [
    "LOADERS",
    "BadSampleError",
    "Batch",
    "ClosedError",
    "ConfigError",
    "EpochPlan",
    "HeadraceError",
    "Loader",
    "LoaderConfig",
    "Manifest",
    "MissingPackageError",
    "PlanConfig",
    "PlannedLoader",
    "Records",
    "RecordsError",
    "Skipped",
    "make_plan",
    "open_loader",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"headrace.pipeline.{module}"), name)
    raise AttributeError(f"module 'headrace.pipeline' has no attribute {name!r}")
