"""Normalising images, and undoing it."""

from __future__ import annotations

import torch

from headrace.augment import Preprocess


def test_what_is_undone_is_the_bytes() -> None:
    preprocess = Preprocess(mean=(0.1, 0.5, 0.9), std=(0.2, 0.3, 0.4))
    images = torch.arange(2 * 3 * 16, dtype=torch.uint8).view(2, 3, 4, 4)
    undone = preprocess.undo(preprocess.normalise(images))
    assert undone.dtype == torch.float32 and torch.equal(undone.round().byte(), images)
