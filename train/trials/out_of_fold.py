"""Out-of-fold probabilities: of each sample, what the run says that has not learnt from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.output_files import written
from headrace.pipeline.records import Records
from headrace.pipeline.wording import one_line
from headrace.train.evaluation.outcome import Outcome, columns, from_columns


@dataclass(frozen=True, kw_only=True)
class OutOfFold:
    """What the folds say about each other's samples, in order of the records.

    Attributes:
        indices: (n,) int64 of the records.
        names: (n,) text.
        labels: (n,) int64, as given.
        fold: (n,) int64, the one that the sample is in.
        probabilities: (n, C) float32.
        classes: (C,) text.
    """

    indices: np.ndarray
    names: np.ndarray
    labels: np.ndarray
    fold: np.ndarray
    probabilities: np.ndarray
    classes: np.ndarray


def joined(outcomes: Sequence[Outcome]) -> tuple[Outcome, np.ndarray]:
    """The outcomes of all folds as one, in order of the records, and the fold of each sample."""
    parts = zip(*map(columns, outcomes), strict=True)
    everything = from_columns([np.concatenate(part) for part in parts])
    sizes = [len(outcome.indices) for outcome in outcomes]
    fold = np.repeat(np.arange(len(outcomes)), sizes)
    order = np.argsort(everything.indices, kind="stable")
    return everything.of(order), fold[order]


def write_out_of_fold(
    path: Path, outcomes: Sequence[Outcome], records: Records, classes: Sequence[str]
) -> None:
    """Writes an .npz with the arrays of OutOfFold, which `numpy.load` reads without pickle.

    Args:
        path: of the file, which appears when it is complete.
        outcomes: of each fold's samples, by the run that has not learnt from them.
        records: the samples.
        classes: class names.

    Raises:
        HeadraceError: if the file cannot be written.
    """
    everything, fold = joined(outcomes)
    names = [records.name(int(index)) for index in everything.indices]
    with written(path) as file:
        np.savez_compressed(
            file,
            indices=everything.indices,
            names=np.array(names, dtype=np.str_),
            labels=everything.labels,
            fold=fold,
            probabilities=torch.from_numpy(everything.logits).softmax(1).numpy(),
            classes=np.array(classes, dtype=np.str_),
        )


def read_out_of_fold(path: Path) -> OutOfFold:
    """Reads what `write_out_of_fold` wrote.

    Raises:
        ConfigError: if it is not there, or no such file.
    """
    wanted = [str(name) for name in OutOfFold.__dataclass_fields__]
    try:
        with np.load(path, allow_pickle=False) as file:
            found = OutOfFold(**{name: file[name] for name in wanted})
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; finished runs of --folds have one") from None
    except MemoryError:
        raise
    except Exception as error:  # of a damaged archive zipfile and numpy raise whatever comes
        reason = one_line(error)
        raise ConfigError(f"{path} holds no out-of-fold probabilities: {reason}") from None
    arrays = [getattr(found, name) for name in wanted]
    kinds = "".join(array.dtype.kind for array in arrays)
    rows = {array.shape[:1] for array in arrays[:-1]}
    fits = found.probabilities.shape[1:] == found.classes.shape and found.classes.ndim == 1
    if kinds != "iUiifU" or len(rows) != 1 or not fits:
        raise ConfigError(f"{path} holds no out-of-fold probabilities: its arrays do not agree")
    return found
