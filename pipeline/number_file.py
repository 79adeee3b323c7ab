"""Arrays of numbers in files of NumPy's own, as users give them for records: .npy."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def is_npy(path: Path) -> bool:
    """Whether a file is NumPy's by its name, else it is text."""
    return path.suffix.lower() == ".npy"


def read_npy(path: Path) -> np.ndarray:
    """The array of a .npy file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file, be it an archive of them or a pickle, or is cut short.
    """
    with path.open("rb") as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
