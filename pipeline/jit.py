"""numba.njit as this project uses it: without the GIL, machine code kept on disk."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit

_RESAMPLING = Path(__file__).parent / "resampling"


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like numba.njit(nogil=True, cache=True, **options).

    What is kept carries a hash of every source that the function may call into: the files of its
    own folder and of pipeline/resampling. numba itself looks at the function's own file only, and
    would go on running what another file's kernel was before an edit.

    Where neither the package's folder nor the user's cache folder is writable, numba refuses to
    cache; then functions are compiled anew in every process. numba's cache tells functions apart
    by name only, so a function may be compiled with one set of options.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            kernel = njit(nogil=True, cache=True, error_model="numpy", **options)(function)
        except RuntimeError:
            return njit(nogil=True, error_model="numpy", **options)(function)
        # Private to numba, as is everything about its cache; without it, the own file counts.
        kept = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
        if kept is not None and hasattr(kept, "_source_stamp"):
            folder = Path(inspect.getfile(function)).parent
            kept._source_stamp = (kept._source_stamp, stamp(folder), stamp(_RESAMPLING))
        return kernel

    return decorate


@cache
def stamp(folder: Path) -> str:
    """A hash of all Python sources right in a folder."""
    digest = hashlib.sha256()
    for source in sorted(folder.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()
