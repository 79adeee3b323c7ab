"""What a run says of the files that its data is of, and how many samples come from each."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.records import Records
from headrace.pipeline.shares import mix_of
from headrace.train.data.labels import held_out
from headrace.train.data.real_only import made_by
from headrace.train.settings.config import DataConfig


def file_lines(records: Records, data: DataConfig) -> list[str]:
    """A line for each of several files, and for one whose images no camera took."""
    chosen, held = records.select(data.train_split), held_out(records, data.val_split)
    if len(records.files) == 1 and records.files[0].synthetic is None:
        return []
    mix = mix_of(records, chosen)
    counts = iter(mix.counts if mix is not None else ())
    lines = []
    for number, file in enumerate(records.files):
        num_train = int(np.count_nonzero(records.file_of[chosen] == number))
        num_val = int(np.count_nonzero(records.file_of[held] == number))
        told = f"{num_train} train, {num_val} val samples"
        if file.share is not None:
            count = next(counts)
            told += f", of which an epoch draws {count} to train on, a share of {file.share}"
            if count > num_train:
                told += f", up to {-(-count // num_train)} times each"
        made = f" (synthetic, {made})" if (made := made_by(file)) else ""
        lines.append(f"  {file.path}{made}: {told}")
    return lines
