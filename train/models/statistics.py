"""Mean and deviation with which a library's published weights were trained."""

from __future__ import annotations

import importlib

from headrace.augment.preprocess import Statistics
from headrace.train.models import LIBRARIES


def published_statistics(name: str) -> Statistics | None:
    """Those of a model's weights by its full name, `timm:resnet18`; None where nothing tells them.

    Raises:
        MissingPackageError: without the library.
    """
    library, _, model = name.partition(":")
    if library not in LIBRARIES:
        return None
    tell = getattr(importlib.import_module(LIBRARIES[library]), "statistics", None)
    found: Statistics | None = None if tell is None else tell(model)
    return found
