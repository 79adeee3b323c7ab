"""Optimizers that timm keeps."""

from __future__ import annotations

from typing import Any

from headrace.pipeline.errors import MissingPackageError


def of_timm(name: str) -> Any:
    """The class of one of timm's optimizers.

    Raises:
        MissingPackageError: without timm, or with one that is too old to have it.
    """
    try:
        import timm.optim
    except ImportError as error:
        raise MissingPackageError(
            f'--optimizer {name.lower()} needs timm: pip install "headrace[timm]" ({error})'
        ) from None
    if not hasattr(timm.optim, name):
        raise MissingPackageError(
            f"--optimizer {name.lower()} needs a newer timm than {timm.__version__}: pip install "
            "--upgrade timm"
        )
    return getattr(timm.optim, name)
