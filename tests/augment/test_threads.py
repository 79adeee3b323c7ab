"""One augmenter in several threads and in a forked process: every sample's pixels are its own."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from headrace.augment import build_augmenter
from headrace.augment.engine import Augmenter

RECIPE = ["vflip", {"op": "brightness", "factor": [1.0, 1.0]}, "hflip"]


def outcome(augmenter: Augmenter, level: int) -> set[float]:
    """The values that there are after a batch of one grey level."""
    images = torch.full((64, 3, 48, 48), level, dtype=torch.uint8)
    images = images.to(memory_format=torch.channels_last)
    out, _ = augmenter(images, torch.zeros(64, dtype=torch.int64))
    return set(out[:, 0].unique().tolist())


def test_threads_do_not_see_each_others_pixels() -> None:
    augmenter = build_augmenter(RECIPE, num_classes=2)
    levels = [10, 200]
    alone = [outcome(augmenter, level) for level in levels]
    with ThreadPoolExecutor(len(levels)) as pool:
        for _ in range(40):
            assert list(pool.map(lambda level: outcome(augmenter, level), levels)) == alone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    augmenter = build_augmenter(RECIPE, num_classes=2)
    here = outcome(augmenter, 70)
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)

    def send() -> None:
        torch.set_num_threads(1)  # as a DataLoader's worker: OpenMP's threads are not here either
        writer.send(outcome(augmenter, 70))

    child = context.Process(target=send)
    child.start()
    try:
        assert reader.poll(200), "the child waits for threads that it does not have"
        assert reader.recv() == here
    finally:
        child.kill()
        child.join()
