"""Mixed precision, compiling, and a step that does not wait for the device."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import headrace.train.device.amp
from headrace.pipeline.errors import ConfigError
from headrace.train.device.amp import choose_precision
from headrace.train.device.compiling import compile_model, first_line
from headrace.train.losses.cross_entropy import classification_loss
from headrace.train.metrics.meter import Meter

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "capability", "dtype"),
    [
        ("auto", (9, 0), torch.bfloat16),
        ("auto", (8, 0), torch.bfloat16),
        ("auto", (7, 5), torch.float16),
        ("auto", (6, 1), torch.float32),
        ("fp16", (9, 0), torch.float16),
    ],
)
def test_cuda_takes_bf16_where_it_is_there(
    name: str, capability: tuple[int, int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    precision = choose_precision(name, torch.device("cuda", 0))
    assert precision.dtype == dtype
    assert precision.scaled == (dtype == torch.float16)
    assert f"{capability[0]}.{capability[1]}" in str(precision)


def test_bf16_on_an_older_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(ConfigError, match="no bf16; use --amp fp16"):
        choose_precision("bf16", torch.device("cuda", 0))


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ({"avx512_bf16"}, torch.bfloat16),
        ({"avx2", "amx_bf16"}, torch.bfloat16),
        ({"avx2"}, torch.float32),
        (set(), torch.float32),
    ],
)
def test_processor_takes_bf16_only_where_it_has_it(
    flags: set[str], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headrace.train.device.amp, "cpu_flags", lambda: flags)
    precision = choose_precision("auto", CPU)
    assert precision.dtype == dtype
    assert not precision.scaled
    with precision.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def small_net() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    return net.train()


def test_a_compiler_that_fails_costs_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: nn.Module, **how: Any) -> Any:
        def forward(images: Tensor) -> Tensor:
            model(images)
            raise RuntimeError("\nno C++ compiler\nlong story")

        return forward

    monkeypatch.setattr(torch, "compile", broken)
    net = small_net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    forward, text = compile_model(net, "on", torch.randn(2, 3, 8, 8), choose_precision("off", CPU))
    assert text == "off, as compiling failed: RuntimeError: no C++ compiler"
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert forward is net


def test_auto_compiles_on_cuda_only() -> None:
    net = small_net()
    forward, text = compile_model(
        net, "auto", torch.randn(2, 3, 8, 8), choose_precision("off", CPU)
    )
    assert forward is net
    assert text.startswith("off (on a CPU")
    assert first_line(ValueError("")) == "ValueError: "


def test_loss_and_meter_do_not_wait_for_the_device() -> None:
    """Fake CUDA tensors have no values: reading one would raise."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        device = torch.device("cuda")
        meter = Meter(device)
        logits = torch.empty(8, 5, device=device, dtype=torch.bfloat16)
        for targets in (
            torch.empty(8, dtype=torch.int64, device=device),
            torch.empty(8, 5, device=device),
        ):
            meter.add(classification_loss(logits, targets, 0.1), logits, targets)
        with pytest.raises(Exception, match=r"item|DataDependent|_local_scalar_dense"):
            meter.sums.sum().item()
