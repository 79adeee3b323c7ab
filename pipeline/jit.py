"""numba.njit as this project uses it: without the GIL, machine code kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like numba.njit(nogil=True, cache=True, **options).

    Where neither the package's folder nor the user's cache folder is writable, numba refuses to
    cache; then functions are compiled anew in every process. numba's cache tells functions apart
    by name only, so a function may be compiled with one set of options.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return njit(nogil=True, cache=True, error_model="numpy", **options)(function)
        except RuntimeError:
            return njit(nogil=True, error_model="numpy", **options)(function)

    return decorate
