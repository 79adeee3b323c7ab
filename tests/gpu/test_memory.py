"""What is kept of an epoch, of a run and of a warp: nothing that grows."""

from __future__ import annotations

import gc
from collections.abc import Callable

import psutil
import pytest
import torch

from headrace.augment import build_augmenter
from headrace.bench.core.device_calls import peak_bytes
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.pipeline.warp import crop_resize_batch

GROWTH_MB = 48
"""Of the process; allocators and libraries take some of their own for a while."""


def device_bytes(device: torch.device) -> int:
    gc.collect()
    if device.type != "cuda":
        return 0
    torch.cuda.synchronize(device)
    torch.empty(1, device=device)  # what waits for a stream is given back with the next request
    return torch.cuda.memory_allocated(device)


def test_epochs_and_early_leaves_keep_nothing(
    records_of: Callable[[str], Records], loader_name: str, device: torch.device
) -> None:
    with open_loader(
        records_of("mixed"), loader=loader_name, size=64, batch_size=5, workers=3, device=device
    ) as loader:

        def epochs(count: int) -> None:
            for epoch in range(count):
                for step, _ in enumerate(loader.epoch(epoch)):
                    if epoch % 2 and step == 1:
                        break

        epochs(4)
        before, rss = device_bytes(device), psutil.Process().memory_info().rss
        epochs(6 if device.type == "cpu" else 40)
        assert device_bytes(device) <= before
        grown = (psutil.Process().memory_info().rss - rss) / 2**20
        assert grown < GROWTH_MB, f"the process grew by {grown:.0f} MB"


@pytest.mark.parametrize("recipe", ["report", "strong"])
def test_augmenting_keeps_nothing(recipe: str, device: torch.device) -> None:
    augmenter = build_augmenter(recipe, num_classes=5, device=device, kernels=False)
    images = torch.zeros((8, 3, 48, 48), dtype=torch.uint8, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(8, dtype=torch.int64, device=device)
    augmenter(images, labels)
    before = device_bytes(device)
    for _ in range(5):
        augmenter(images, labels)
    assert device_bytes(device) <= before


def test_the_warps_peak(device: torch.device) -> None:
    """Four times its input and output; the workspace of cuBLAS is there before."""
    batch, side, out = (128, 384, 224) if device.type == "cuda" else (4, 96, 48)
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    images = torch.zeros((batch, side, side, 3), dtype=torch.uint8, device=device)
    boxes = torch.tensor([[0, 0, side, side // 2]], dtype=torch.int32, device=device)
    boxes = boxes.expand(batch, -1).contiguous()
    flips = torch.zeros(batch, dtype=torch.bool, device=device)

    def call() -> torch.Tensor:
        return crop_resize_batch(images, boxes, flips, (out, out), dtype)

    call()
    allowed = 4 * batch * 3 * (side * side + out * out) * dtype.itemsize
    assert peak_bytes(call, device) <= allowed
