"""Optimizers: their settings, their groups, and the one place of the learning rate."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headrace.pipeline.errors import ConfigError
from headrace.train.models.build import build_model
from headrace.train.models.spec import ModelSpec
from headrace.train.optimizers import OPTIMIZERS
from headrace.train.optimizers.build import build_optimizer
from headrace.train.settings.config import OptimConfig
from headrace.train.settings.rooms import technique_of
from headrace.train.step import set_learning_rate


def test_no_decay_on_biases_and_norms() -> None:
    model = build_model(ModelSpec(name="homework-cnn", num_classes=3, size=32))
    optimizer = build_optimizer(model, OptimConfig(weight_decay=0.3))
    decayed, free = optimizer.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.3, 0.0)
    assert all(p.ndim > 1 for p in decayed["params"])
    assert all(p.ndim <= 1 for p in free["params"])
    count = len(decayed["params"]) + len(free["params"])
    assert count == len(list(model.parameters()))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_the_run_s_settings_or_its_own(name: str) -> None:
    model = nn.Linear(3, 2)
    own = technique_of("optimizer", name).Settings()
    for config, lr, decay in (
        (OptimConfig(optimizer=name), own.lr, own.weight_decay),
        (OptimConfig(optimizer=name, lr=0.25, weight_decay=0.5), 0.25, 0.5),
    ):
        assert (config.peak_lr, config.decay) == (lr, decay)
        decayed, free = build_optimizer(model, config).param_groups
        assert (decayed["lr"], decayed["weight_decay"]) == (lr, decay)
        assert (free["lr"], free["weight_decay"]) == (lr, 0.0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_downhill(name: str) -> None:
    torch.manual_seed(0)
    model, images = nn.Linear(4, 1), torch.randn(32, 4)
    optimizer = build_optimizer(model, OptimConfig(optimizer=name, lr=0.01))
    losses = []
    for _ in range(20):
        loss = model(images).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses == sorted(losses, reverse=True)


def test_frozen_defaults() -> None:
    defaults = {name: technique_of("optimizer", name).Settings() for name in ("adamw", "sgd")}
    assert (defaults["adamw"].lr, defaults["adamw"].weight_decay) == (0.001, 0.05)
    assert (defaults["sgd"].lr, defaults["sgd"].weight_decay) == (0.05, 0.0005)
    assert defaults["sgd"].momentum == 0.9


def test_an_unknown_optimizer_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="--optimizer is 'adamx', expected one of adamw, sgd"):
        OptimConfig(optimizer="adamx")


def test_a_group_s_rate_is_the_schedule_s_times_its_scale() -> None:
    first, second = (nn.Parameter(torch.zeros(2)) for _ in range(2))
    optimizer = torch.optim.SGD([{"params": [first]}, {"params": [second], "lr_scale": 0.5}], lr=1)
    set_learning_rate(optimizer, 0.3)
    assert [group["lr"] for group in optimizer.param_groups] == [0.3, 0.15]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_first_step_that_the_scaler_skips_is_as_if_it_had_not_been(name: str) -> None:
    """As with fp16, whose first scale is mostly too large."""
    moved = []
    for gradients in ([1e38, 1.0, 2.0], [1.0, 2.0]):
        unwritten = [torch.full((1000,), 7.0) for _ in range(50)]
        del unwritten  # what the optimizer may get for memory of its own
        weight = nn.Parameter(torch.ones(1, 1000))
        optimizer = build_optimizer(nn.ParameterList([weight]), OptimConfig(optimizer=name))
        scaler = torch.amp.GradScaler("cpu")
        for gradient in gradients:
            scaler.scale((weight * gradient).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
        moved.append(weight.detach().clone())
    assert torch.allclose(*moved, atol=1e-6)
    assert not torch.equal(moved[0], torch.ones(1, 1000))


def test_a_checkpoint_without_some_weight_s_momentum_goes_on() -> None:
    """As those of before, of weights that were frozen when it was saved."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    optimizer = build_optimizer(model, OptimConfig(optimizer="sgd"))
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    del state["state"][0]
    optimizer.load_state_dict(state)
    optimizer.step()
    assert all("momentum_buffer" in optimizer.state[weight] for weight in model.parameters())
