"""Every recipe on a pretended CUDA device: nothing is copied to the host, no shape depends on data.

Pretended tensors carry device and shape and no values, so this runs without a GPU. Shapes that
depend on data fail by themselves; a dispatch mode on top tells of waits and copies.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import DynamicOutputShapeException

from headrace.augment import RECIPES, Preprocess, build_augmenter
from headrace.bench.core.device_calls import DeviceCalls
from headrace.bench.core.pretended_cuda import pretended_cuda

EXTRA: dict[str, Any] = {
    "every step": [
        {"op": "perspective", "p": 0.5},
        {"op": "scale", "factor": [0.8, 1.2]},
        {"op": "shear_x", "degrees": 10},
        {"op": "gamma", "exponent": [0.7, 1.4]},
        "autocontrast",
        {"op": "grayscale"},
        {"op": "channel_mix"},
        {"op": "hue", "turns": 0.1},
        {"op": "sharpness", "factor": 0.5},
        "blur",
        {"op": "cutout", "holes": 2, "length": 8, "fill": "noise"},
        {"op": "mix", "of": {"mixup": 1, "cutmix": 1, "ricap": 1}, "per": "sample"},
    ],
    "choice": [{"op": "choice", "of": [["trivial", "hflip"], []], "weights": [0.95, 0.1]}],
    "rand as drawn": [{"op": "rand", "order": "drawn"}],
}


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("recipe", [*RECIPES, *EXTRA])
def test_no_sync(recipe: str, channels: int) -> None:
    with pretended_cuda():
        aug = build_augmenter(
            EXTRA.get(recipe, recipe),
            num_classes=11,
            preprocess=Preprocess(size=32, mean=(0.5,) * channels, std=(0.2,) * channels),
            device="cuda",
            dtype=torch.bfloat16,
        )
        images = torch.empty((8, channels, 24, 32), dtype=torch.uint8, device="cuda")
        labels = torch.empty((8,), dtype=torch.int64, device="cuda")
        # The constants of an image size move to the device once, with the first batch.
        aug.prepare(24, 32)
        with DeviceCalls() as calls:
            out, targets = aug(images, labels)
    assert not calls.waits, f"{calls.waits[0]} waits for the device"
    crossed = calls.to_host + calls.to_device
    assert not crossed, f"{crossed[0]} crosses between host and device"
    assert calls.launches > 0
    assert out.device.type == targets.device.type == "cuda"
    assert out.shape == images.shape and out.dtype == torch.bfloat16
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert targets.dtype == (torch.float32 if aug.mixes else torch.int64)


def test_the_mode_catches_what_it_should() -> None:
    with pretended_cuda():
        tensor = torch.empty((4,), device="cuda")
        host = torch.zeros(4)
        for wrong in (
            lambda: tensor.cpu(),
            lambda: tensor.sum().item(),
            lambda: tensor[tensor > 0],
            lambda: host.to("cuda"),
            lambda: tensor[torch.zeros(2, dtype=torch.int64)],
        ):
            with DeviceCalls() as calls, contextlib.suppress(DynamicOutputShapeException):
                wrong()
            assert calls.waits or calls.to_host or calls.to_device


def test_a_copy_that_nobody_waits_for_is_told_apart() -> None:
    with pretended_cuda():
        host = torch.empty(4)
        with DeviceCalls() as calls:
            host.to("cuda", non_blocking=True)
        assert calls.to_device and not calls.waits and not calls.to_host
        with DeviceCalls() as calls:
            host.to("cuda").cpu()
        assert len(calls.waits) == 2 and calls.to_host
