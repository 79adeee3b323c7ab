"""Models whose gradients a processor would leave undefined in bf16 learn in float32 there."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headrace.pipeline.errors import ConfigError
from headrace.train.device.amp import Precision
from headrace.train.device.cpu_bf16 import defined_gradients

BF16 = Precision(device=torch.device("cpu"), dtype=torch.bfloat16, reason="for the test")


def halving(times: int, kernel: int = 3) -> nn.Module:
    layers = [nn.Conv2d(3, 3, kernel, 2, kernel // 2) for _ in range(times)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_auto_is_float32_where_a_map_is_narrower_than_the_stride() -> None:
    assert defined_gradients(BF16, halving(4), [(16, 16)], "auto") is BF16
    found = defined_gradients(BF16, halving(5), [(16, 16)], "auto")
    assert found.dtype == torch.float32 and "cannot learn 4, narrower" in found.reason


@pytest.mark.parametrize(("shape", "fits"), [((16, 32), True), ((32, 16), False)])
def test_it_is_the_width_that_decides(shape: tuple[int, int], fits: bool) -> None:
    assert (defined_gradients(BF16, halving(5), [shape], "auto") is BF16) == fits


def test_every_size_of_a_schedule_is_looked_at() -> None:
    found = defined_gradients(BF16, halving(5), [(64, 64), (16, 16), (32, 32)], "auto")
    assert found.dtype == torch.float32


def test_bf16_by_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="--amp bf16: at 16x16 px the input of the model's 4 is"):
        defined_gradients(BF16, halving(5), [(16, 16)], "bf16")


def test_float32_and_other_devices_are_left_alone() -> None:
    plain = Precision(device=torch.device("cpu"), dtype=torch.float32, reason="off")
    cuda = Precision(device=torch.device("cuda"), dtype=torch.bfloat16, reason="a GPU")
    for precision in (plain, cuda):
        assert defined_gradients(precision, halving(5), [(16, 16)], "auto") is precision


@pytest.mark.parametrize("kernel", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("width", [2, 3, 5])
def test_what_is_let_through_has_the_gradients_of_float32(kernel: int, width: int) -> None:
    torch.manual_seed(0)
    net = nn.Conv2d(16, 16, kernel, 2, kernel // 2)
    images = torch.randn(6, 16, 8, width).contiguous(memory_format=torch.channels_last)
    with BF16.autocast():
        made = net(images)
    slope = torch.randn_like(made)
    made.backward(slope)
    assert net.weight.grad is not None
    found, net.weight.grad = net.weight.grad, None
    net(images).backward(slope.float())
    torch.testing.assert_close(found, net.weight.grad, rtol=0.05, atol=0.25)
