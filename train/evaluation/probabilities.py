"""All probabilities of a prediction in one file of NumPy's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from headrace.pipeline.output_files import written
from headrace.pipeline.records import Records
from headrace.train.evaluation.outcome import Outcome


def write_npz(path: Path, outcome: Outcome, records: Records, classes: list[str]) -> None:
    """Writes an .npz, which `numpy.load` reads without pickle.

    Its arrays, a row for each sample in the order of the record file: `probabilities` (n, C)
    float32, `labels` (n,) int64 with -1 for none, `predicted` (n,) int64, `indices` (n,) int64 of
    the records, `names` (n,) text; and `classes` (C,) text.

    Raises:
        HeadraceError: if the file cannot be written.
    """
    names = [records.name(int(index)) for index in outcome.indices]
    with written(path) as file:
        np.savez_compressed(
            file,
            probabilities=torch.from_numpy(outcome.logits).softmax(1).numpy(),
            labels=outcome.labels,
            predicted=outcome.predicted,
            indices=outcome.indices,
            names=np.array(names, dtype=np.str_),
            classes=np.array(classes, dtype=np.str_),
        )
