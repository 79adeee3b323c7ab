"""Crop, resize and flip by matrix products: pixels, and the memory that they take at most."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from headrace.bench.core.device_calls import DeviceCalls, peak_bytes
from headrace.pipeline.resampling.boxes import resize_stored
from headrace.pipeline.warp import crop_resize_batch

MOST = 4
"""Times the bytes of input and output in the products' dtype."""


def boxes_within(count: int, height: int, width: int, seed: int) -> np.ndarray:
    """(count, 4) int32 boxes of every size, in a random place."""
    rng = np.random.default_rng(seed)
    tall, wide = rng.integers(1, height + 1, count), rng.integers(1, width + 1, count)
    y, x = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
    return np.stack([y, x, tall, wide], 1).astype(np.int32)


@pytest.mark.parametrize("placed", [False, True])
@pytest.mark.parametrize(("dtype", "mean"), [(torch.float32, 0.2), (torch.float16, 0.3)])
@pytest.mark.parametrize("shape", [(24, 40), (70, 33)])
def test_pixels_are_those_of_the_native_kernel(
    shape: tuple[int, int], dtype: torch.dtype, mean: float, placed: bool
) -> None:
    """In half precision too, which rounds what lies between the products."""
    count, side = 24, 61
    rng = np.random.default_rng(1)
    coarse = torch.from_numpy(rng.random((count, 3, 9, 9), np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
    pixels = (smooth * 300 - 20).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    boxes, flips = boxes_within(count, side, side, 2), rng.random(count) < 0.5
    targets = boxes_within(count, *shape, 3) if placed else None
    expected = np.zeros((count, *shape, 3), np.uint8)
    resize_stored(
        pixels.numpy().reshape(-1),
        np.arange(count) * side * side * 3,
        np.full(count, side, np.int32),
        boxes,
        flips,
        expected,
        targets,
    )
    got = crop_resize_batch(
        pixels,
        torch.from_numpy(boxes),
        torch.from_numpy(flips),
        shape,
        dtype,
        None if targets is None else torch.from_numpy(targets),
    )
    assert got.shape == (count, 3, *shape)
    assert got.is_contiguous(memory_format=torch.channels_last)
    apart = np.abs(got.permute(0, 2, 3, 1).numpy().astype(int) - expected)
    assert apart.max() <= 1
    assert apart.mean() <= mean


def call_on(device: str, batch: int, side: int, out: int, dtype: torch.dtype) -> torch.Tensor:
    images = torch.empty((batch, side, side, 3), dtype=torch.uint8, device=device)
    boxes = torch.ones((batch, 4), dtype=torch.int32, device=device)
    flips = torch.zeros(batch, dtype=torch.bool, device=device)
    return crop_resize_batch(images, boxes, flips, (out, out), dtype)


@pytest.mark.parametrize(
    ("batch", "side", "out"),
    [(64, 384, 128), (128, 256, 224), (128, 500, 128), (256, 512, 224), (1024, 512, 224)],
)
def test_memory_stays_near_that_of_the_batch(batch: int, side: int, out: int) -> None:
    """A T4 has 15 GB: products that copy a weight matrix for each row took 13 for one batch."""
    value = torch.float16.itemsize
    allowed = MOST * batch * 3 * (side * side + out * out) * value
    with FakeTensorMode(), DeviceCalls() as counted:
        images = call_on("cuda", batch, side, out, torch.float16)
    assert images.device.type == "cuda"
    assert 0 < counted.peak_bytes <= allowed


def test_real_memory_is_counted_as_well() -> None:
    allowed = MOST * 8 * 3 * (96 * 96 + 48 * 48) * torch.float32.itemsize
    device = torch.device("cpu")
    assert peak_bytes(lambda: call_on("cpu", 8, 96, 48, torch.float32), device) <= allowed


def test_what_is_gone_counts_no_longer() -> None:
    def one_after_the_other() -> None:
        for _ in range(5):
            torch.zeros(1000)

    def together() -> None:
        kept = [torch.zeros(1000) for _ in range(5)]
        kept[0].view(10, 100).add_(1)

    cpu = torch.device("cpu")
    assert peak_bytes(one_after_the_other, cpu) < 2 * 4000
    assert 5 * 4000 <= peak_bytes(together, cpu) < 6 * 4000


def test_the_callers_autocast_changes_nothing() -> None:
    images = torch.randint(0, 256, (4, 61, 61, 3), dtype=torch.uint8)
    boxes, flips = torch.from_numpy(boxes_within(4, 61, 61, 2)), torch.zeros(4, dtype=torch.bool)
    expected = crop_resize_batch(images, boxes, flips, (24, 40), torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = crop_resize_batch(images, boxes, flips, (24, 40), torch.float32)
    assert torch.equal(found, expected)
