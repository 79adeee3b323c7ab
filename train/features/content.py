"""What features depend on, as short hashes: the samples' bytes, and the weights before the head."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import nn

from headrace.pipeline.errors import HeadraceError
from headrace.pipeline.pick_evenly import pick_evenly
from headrace.pipeline.records import Records
from headrace.train.data.inputs import data_fingerprint
from headrace.train.features.tap import head_of

MOST_READ = 256
"""Samples whose bytes are looked at: two data sets differ in far more than one."""


def hash_of_samples(records: Records, splits: tuple[str, ...]) -> str:
    """Of what a plan depends on, and of the images themselves, with their smaller sizes.

    Raw images of one size, and the samples of two packs of the same photographs, are alike in all
    that a plan knows. Of a packed file every sample's stored length counts, as it costs nothing.
    """
    digest = hashlib.sha256(data_fingerprint(records, splits).encode())
    if records.kind != "folder":
        lengths = [len(view) for index in range(len(records)) for view in _views(records, index)]
        digest.update(np.array(lengths, np.int64).tobytes())
    for index in pick_evenly(np.arange(len(records)), records.labels, MOST_READ):
        try:
            for view in _views(records, int(index)):
                digest.update(view.tobytes())
        except (HeadraceError, OSError):  # a file that has gone is the loader's affair
            digest.update(b"none")
    return digest.hexdigest()[:16]


def _views(records: Records, index: int) -> list[np.ndarray]:
    """The stored bytes of a sample, and of its levels: evaluation may read either."""
    levels = np.flatnonzero(records.levels[index]) + 1
    return [records.view(index, level) for level in (0, *levels.tolist())]


def hash_of_body(model: nn.Module) -> str:
    """Of the weights and running statistics without the head's."""
    own = {id(parameter) for parameter in head_of(model).parameters()}
    digest = hashlib.sha256()
    for name, value in model.state_dict(keep_vars=True).items():
        if id(value) not in own:
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]
