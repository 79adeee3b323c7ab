"""Headrace's pipeline: from packed records to batches on the device."""

from pipeline.batch import Batch
from pipeline.errors import (
    BadSampleError,
    ConfigError,
    HeadraceError,
    MissingPackageError,
    RecordsError,
)
from pipeline.loader import LOADERS, Loader, LoaderConfig, PlannedLoader, open_loader
from pipeline.manifest import Manifest, Skipped
from pipeline.plan import EpochPlan, PlanConfig, make_plan
from pipeline.records import Records

__all__ = [
    "LOADERS",
    "BadSampleError",
    "Batch",
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
