"""The shares that files were given of a training epoch, as what of them takes part."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.mix import Mix, shared_counts
from headrace.pipeline.records import Records
from headrace.pipeline.sampling import SHUFFLE


def mix_of(records: Records, chosen: np.ndarray, sampling: str = SHUFFLE) -> Mix | None:
    """What an epoch is made up of.

    Args:
        records: all of them.
        chosen: (n,) int64, those that take part.
        sampling: how often each is to come otherwise, see pipeline/sampling.py.

    Returns:
        None where no file has a share: every one of the chosen comes as `sampling` says.

    Raises:
        ConfigError: if there is another sampling beside shares, or a share has nothing to be drawn
            from, or to be a share of.
    """
    files = [(n, file) for n, file in enumerate(records.files) if file.share is not None]
    if not files or not len(chosen):
        return None
    if sampling != SHUFFLE:
        raise ConfigError(
            f"--sampling is {sampling!r} beside the share of {files[0][1]}: both say how often its "
            f"samples come; leave one out, --sampling or :{files[0][1].share}"
        )
    file_of = records.file_of[chosen]
    shared = tuple(np.flatnonzero(file_of == number) for number, _ in files)
    plain = np.flatnonzero(~np.isin(file_of, [number for number, _ in files]))
    counts = shared_counts(len(plain), [file.share or 0.0 for _, file in files])
    for (_, file), places, count in zip(files, shared, counts, strict=True):
        if not len(places):
            raise ConfigError(
                f"{file}: it has no samples in --train-split; choose a split that it has, or leave "
                "the file out"
            )
        if not len(plain):
            raise ConfigError(
                f"{file}: no file without a share has samples in --train-split; choose a split "
                "that the first file has"
            )
        if not count:
            raise ConfigError(
                f"{file}: beside {len(plain)} samples this share comes to 0 samples; give a larger "
                "one"
            )
    return Mix(plain=plain, shared=shared, counts=counts)


def epoch_samples(records: Records, chosen: np.ndarray) -> int:
    """How many samples a training epoch takes of the chosen ones, before they are repeated."""
    mix = mix_of(records, chosen)
    return len(chosen) if mix is None else mix.num_samples
