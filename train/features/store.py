"""Features in a folder of plain arrays: written whole or not at all, read by a memory map.

A folder holds `train.npy` (copies, N, D) float32, of which copy 0 is evaluation's view,
`train-labels.npy` and `train-indices.npy` (N,) int64, the same of `val`, and about.json: what the
features are of. `numpy.load("F/train.npy", mmap_mode="r")` opens them for anybody.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.plain_json import read_json
from headrace.pipeline.unwritable import writing
from headrace.pipeline.wording import one_line

ABOUT = "about.json"


@dataclass(frozen=True, kw_only=True)
class Features:
    """Of one split.

    Attributes:
        values: (copies, N, D) float32, on the disk.
        labels: (N,) int64.
        indices: (N,) int64, the samples' places in the records.
    """

    values: np.ndarray
    labels: np.ndarray
    indices: np.ndarray


def stored(place: Path, about: Mapping[str, str], make: Callable[[Path], None]) -> bool:
    """Makes a folder of features where there is none.

    Args:
        place: the folder.
        about: what they are of, by kind; each a short hash or a few words.
        make: writes the arrays into the folder that it is given.

    Returns:
        Whether they were there already, of the same.

    Raises:
        ConfigError: if they are of something else.
        FailedError: if they cannot be written.
    """
    if place.exists():
        _check(place, about)
        return True
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        try:
            make(beside)
            (beside / ABOUT).write_text(json.dumps(dict(about), indent=2))
            try:
                beside.rename(place)
            except OSError:
                if not place.is_dir():
                    raise
                _check(place, about)  # another command has computed them meanwhile
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return False


def _check(place: Path, about: Mapping[str, str]) -> None:
    try:
        found = read_json((place / ABOUT).read_text())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError(f"--features {place} holds no features; name a folder that is not there")
    others = [kind for kind in about if found.get(kind) != about[kind]]
    if others:
        raise ConfigError(
            f"--features {place} holds those of other {' and '.join(others)}; name another folder, "
            "or leave --features out, and they are computed"
        )


def create(folder: Path, split: str, shape: tuple[int, int, int]) -> Features:
    """Empty arrays of a split, (copies, N, D), to be filled."""

    def array(name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        return np.lib.format.open_memmap(folder / name, "w+", dtype, shape)

    return Features(
        values=array(f"{split}.npy", shape, np.float32),
        labels=array(f"{split}-labels.npy", shape[1:2], np.int64),
        indices=array(f"{split}-indices.npy", shape[1:2], np.int64),
    )


def opened(folder: Path, split: str) -> Features:
    """A split's features.

    Raises:
        ConfigError: if a file is missing or damaged.
    """
    names = (f"{split}.npy", f"{split}-labels.npy", f"{split}-indices.npy")
    try:
        values, labels, indices = (np.load(folder / name, mmap_mode="r") for name in names)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(folder, one_line(error, 100)) from None
    kinds = (values.dtype, labels.dtype, indices.dtype) == (np.float32, np.int64, np.int64)
    if not kinds or values.ndim != 3 or not values.shape[1:2] == labels.shape == indices.shape:
        raise _damaged(folder, f"{', '.join(names)} do not go with each other")
    return Features(values=values, labels=np.array(labels), indices=np.array(indices))


def _damaged(folder: Path, why: str) -> ConfigError:
    return ConfigError(f"--features {folder} is damaged ({why}); remove it")
