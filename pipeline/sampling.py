"""How often each sample comes in an epoch: all once, classes alike, or as a file says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.number_file import is_npy, read_npy
from headrace.pipeline.records import Records
from headrace.pipeline.wording import one_line

SHUFFLE, BALANCED = "shuffle", "balanced"


def sample_weights(sampling: str, records: Records, chosen: np.ndarray) -> np.ndarray | None:
    """Weights with which an epoch's samples are drawn, with replacement.

    Args:
        sampling: `shuffle`, `balanced` (every class as often as any other, as torch's
            WeightedRandomSampler is mostly used), or a file with one number for each record: .npy,
            or text with one a line.
        records: all of them.
        chosen: (n,) int64, those that take part.

    Returns:
        (n,) float64 from 0, or None where every sample comes once.

    Raises:
        ConfigError: labels are missing, or the file does not fit.
    """
    if sampling == SHUFFLE or not len(chosen):
        return None
    if sampling == BALANCED:
        labels = records.labels[chosen]
        if (labels < 0).any():
            raise ConfigError(
                f"--sampling {BALANCED} needs a label for every sample, and "
                f"{int((labels < 0).sum())} of {len(labels)} have none; choose samples with "
                f"labels, or --sampling {SHUFFLE}"
            )
        _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
        return 1.0 / counts[inverse]
    weights = _read(Path(sampling))
    if weights.shape != (len(records),):
        raise ConfigError(
            f"--sampling {sampling}: its weights have shape {weights.shape}, expected one number "
            f"for each of the {len(records)} samples of the data"
        )
    weights = weights[chosen]
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total) or (weights < 0).any() or not weights.any():
        raise ConfigError(
            f"--sampling {sampling}: expected numbers of 0 or more, not all 0 for the samples of "
            "--train-split, and with a sum that is a number"
        )
    return weights


def _read(path: Path) -> np.ndarray:
    if not path.is_file():
        raise ConfigError(
            f"--sampling is {str(path)!r}, expected {SHUFFLE}, {BALANCED} or a file of weights "
            "that exists"
        )
    try:
        found = read_npy(path) if is_npy(path) else np.loadtxt(path)
        return np.atleast_1d(np.asarray(found, np.float64))
    except (ValueError, OSError, EOFError) as error:
        raise ConfigError(
            f"--sampling {path} cannot be read: {one_line(error)}; expected a .npy file, or text "
            "with one number a line"
        ) from None
