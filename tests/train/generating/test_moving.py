"""Steps of generators that compute with fp16: their losses are scaled, and the scale is kept."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headrace.train.device.amp import Precision, Scaler
from headrace.train.generating.kind import Shape, Training
from headrace.train.generating.kinds import start_training
from headrace.train.generating.moving import move
from headrace.train.generating.settings import FitConfig
from tests.train.tiny_runs import assert_same

HALF = Precision(device=torch.device("cpu"), dtype=torch.float16, reason="a test")


def training(kind: Any) -> Training:
    config = FitConfig(kind=kind, size=16, width=8)
    shape = Shape(kind=kind, network="unet", classes=3, size=16, width=8)
    return start_training(shape, config, HALF)


def step(fitted: Training, seed: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return fitted.step(torch.rand(4, 3, 16, 16) * 2 - 1, torch.tensor([0, 1, 2, 0]), 1e-3)


def weights(fitted: Training, name: str) -> list[Tensor]:
    return [weight.detach().clone() for weight in fitted.parts[name].parameters()]


@pytest.mark.parametrize("scaled", [False, True])
def test_a_gradient_too_small_for_fp16_arrives_where_the_loss_is_scaled(scaled: bool) -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e9)
    with HALF.autocast():
        said = network(torch.ones(1, 1))
    assert said.dtype == torch.float16
    move(said.float().sum() * 1e-9, optimizer, Scaler("cpu", enabled=scaled))
    assert network.weight.item() == pytest.approx(0.0 if scaled else 1.0, abs=0.01)
    assert network.weight.grad is None


def test_a_gradient_is_clipped_as_it_is_without_its_scale() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    move(network(torch.full((1, 1), 100.0)).sum(), optimizer, Scaler("cpu"), 1.0)
    assert network.weight.item() == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("kind", ["flow", "gan"])
def test_a_step_that_overflows_is_left_out_and_the_scale_falls(kind: str) -> None:
    fitted = training(kind)
    scaler = fitted.parts["scaler"]
    before = weights(fitted, "model")
    assert scaler.is_enabled()
    step(fitted, 1)
    assert any(
        (old != new).any() for old, new in zip(before, weights(fitted, "model"), strict=True)
    )
    state = {**scaler.state_dict(), "scale": 2.0**100}
    scaler.load_state_dict(state)
    before = weights(fitted, "model")
    losses = step(fitted, 2)
    assert all(loss.isfinite() for loss in losses.values())
    assert_same(weights(fitted, "model"), before)
    assert scaler.get_scale() == 2.0**99
    if kind == "gan":  # whose other loss is not computed with fp16
        assert all(weight.grad is None for weight in fitted.parts["discriminator"].parameters())


@pytest.mark.parametrize("kind", ["flow", "gan"])
def test_the_scale_is_saved_and_gone_on_with(kind: str) -> None:
    one, other = training(kind), training(kind)
    one.parts["scaler"].load_state_dict({**one.parts["scaler"].state_dict(), "scale": 1024.0})
    step(one, 1)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    assert other.parts["scaler"].get_scale() == 1024.0
    for fitted in (one, other):
        step(fitted, 2)
    assert_same(other.state_dict(), one.state_dict())


def test_what_needed_no_scale_goes_on_with_one() -> None:
    fitted = training("gan")
    state = fitted.state_dict()
    for earlier in ({**state, "scaler": {}}, {k: v for k, v in state.items() if k != "scaler"}):
        fitted.load_state_dict(earlier)
        assert fitted.parts["scaler"].get_scale() == 2.0**16
