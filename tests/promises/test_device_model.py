"""What every function on the device asks of it: kernels, memory, copies and waits have budgets.

The functions are the project's own, on a CUDA device that is only pretended. Kernels are operators
as torch hands them over, eagerly; compiled there are fewer (tests/bench/test_device_model.py).
"""

from __future__ import annotations

import json

import pytest
import torch

from headrace.augment import RECIPES, build_augmenter
from headrace.bench.core.device_calls import DeviceCalls
from headrace.bench.core.pretended_cuda import pretended_cuda
from headrace.bench.device.warps import SHAPES
from headrace.bench.document import RESULTS
from headrace.bench.modelling.device_functions import (
    COPY,
    DALI,
    DALI_MIXED,
    EVALUATION,
    FUNCTIONS,
    LEVELS,
    SIZES,
    STEP,
    STEP_ON_CUDA,
    WARP,
    Size,
    counted,
)
from headrace.pipeline.warp import crop_resize_batch

MOST_LAUNCHES = {
    COPY: 3,
    WARP: 90,
    LEVELS: 180,
    DALI: 1,
    DALI_MIXED: 6,
    "recipe none": 15,
    "recipe flip": 35,
    "recipe report": 530,
    "recipe cifar": 180,
    "recipe trivial": 250,
    "recipe rand": 420,
    "recipe auto-imagenet": 320,
    "recipe auto-cifar10": 390,
    "recipe auto-svhn": 250,
    "recipe augmix": 2000,
    "recipe medium": 580,
    "recipe strong": 530,
    STEP: 430,
    STEP_ON_CUDA: 320,
    EVALUATION: 190,
}
"""A tenth above what was counted: none of it may grow unseen."""
COPIES_THERE = {COPY: 3, WARP: 3, LEVELS: 8, DALI_MIXED: 2}
"""Small ones from pinned memory, save for a batch itself; none of them is waited for."""
COPIES_BACK = {EVALUATION: 6}
"""One for each column of an outcome, at the end of a split."""
MOST_MEMORY = 4
"""Of the warp: times the bytes of its input and output in half precision."""


def check_budget(name: str, size: Size) -> DeviceCalls:
    calls = counted(name, size)
    assert len(calls.to_host) == COPIES_BACK.get(name, 0), f"copied to the host: {calls.to_host}"
    assert len(calls.waits) == COPIES_BACK.get(name, 0), f"waits for the device: {calls.waits}"
    assert len(calls.to_device) == COPIES_THERE.get(name, 0), f"copied there: {calls.to_device}"
    assert 0 < calls.launches <= MOST_LAUNCHES[name], f"{calls.launches} kernels"
    if name in (WARP, LEVELS):
        pixels = size.stored**2 + size.side**2
        most = MOST_MEMORY * size.batch * 3 * pixels * torch.float16.itemsize
        assert calls.peak_bytes <= most, f"{calls.peak_bytes} bytes at the peak"
    return calls


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_keeps_to_its_budget(name: str) -> None:
    check_budget(name, SIZES[0])


@pytest.mark.parametrize("name", [WARP, LEVELS, "recipe report", STEP])
def test_kernels_do_not_become_more_with_the_batch(name: str) -> None:
    small, large = counted(name, SIZES[1]), check_budget(name, SIZES[-1])
    assert small.launches == large.launches or name == STEP
    assert small.peak_bytes < large.peak_bytes < 80 * 2**30


@pytest.mark.parametrize(("batch", "stored", "side"), SHAPES)
def test_the_model_is_what_a_gpu_measured(batch: int, stored: int, side: int) -> None:
    """The warp's peak on an H200, as CUDA's allocator told it."""
    rows = json.loads((RESULTS / "gpu-h200.json").read_text())["rows"]
    what = f"ours, {batch} x {stored} to {side} px, peak"
    (measured,) = (row["value"] for row in rows if row["what"] == what)
    with pretended_cuda():
        images = torch.empty((batch, stored, stored, 3), dtype=torch.uint8, device="cuda")
        boxes = torch.empty((batch, 4), dtype=torch.int32, device="cuda")
        flips = torch.empty(batch, dtype=torch.bool, device="cuda")
        with DeviceCalls() as calls:
            crop_resize_batch(images, boxes, flips, (side, side), torch.float16)
    assert calls.peak_bytes / 2**20 == pytest.approx(measured, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_size(name: str, size: Size) -> None:
    check_budget(name, size)


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "augmix"])
def test_calls_do_not_depend_on_batch_or_draw(recipe: str) -> None:
    """The cost of a recipe on the device: one number, whatever the samples drew."""
    counts = {kernels_of(recipe, batch, seed) for batch, seed in ((4, 0), (4, 1), (64, 2))}
    assert len(counts) == 1


def kernels_of(recipe: str, batch: int, seed: int) -> int:
    """With values, which a pretended device has not."""
    augmenter = build_augmenter(recipe, num_classes=10, seed=seed, kernels=False)
    images = torch.zeros((batch, 3, 32, 32), dtype=torch.uint8)
    images = images.contiguous(memory_format=torch.channels_last)
    augmenter.prepare(32, 32)
    with DeviceCalls("cpu") as calls:
        augmenter(images, torch.zeros(batch, dtype=torch.int64))
    return calls.launches
