"""Every optimizer against torch's own or against its paper, over some steps of one small net."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from headrace.pipeline.errors import ConfigError
from headrace.train.models.spatial_transformer import Transformed
from headrace.train.optimizers.adabound import bounds
from headrace.train.optimizers.build import build_optimizer
from headrace.train.optimizers.groups import head_names, layer_numbers
from headrace.train.settings.config_file import from_flat
from headrace.train.settings.rooms import technique_of

STEPS = 25


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.Flatten(), nn.Linear(16, 3))


def build(model: nn.Module, **settings: Any) -> torch.optim.Optimizer:
    return build_optimizer(model, from_flat(settings, "test").optim)


def weights_after(make: Callable[[nn.Module], torch.optim.Optimizer]) -> list[Tensor]:
    """What some steps make of the net."""
    model = small_net()
    optimizer = make(model)
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        images = torch.randn(8, 3, 4, 4, generator=generator)
        (model(images) - 1).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return [weight.detach() for weight in model.parameters()]


def groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Matrices, which decay, and what does not."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": decay},
        {"params": others, "weight_decay": 0.0},
    ]


@pytest.mark.parametrize(
    ("settings", "theirs"),
    [
        (
            {"optimizer": "sgd", "momentum": 0.8},
            lambda g: torch.optim.SGD(g, 0.03, momentum=0.8, nesterov=True),
        ),
        (
            {"optimizer": "sgd", "nesterov": False},
            lambda g: torch.optim.SGD(g, 0.03, momentum=0.9),
        ),
        ({"optimizer": "sgd", "momentum": 0}, lambda g: torch.optim.SGD(g, 0.03)),
        (
            {"optimizer": "adam", "betas": [0.8, 0.9], "eps": 1e-6},
            lambda g: torch.optim.Adam(g, 0.03, (0.8, 0.9), 1e-6),
        ),
        (
            {"optimizer": "adamw", "betas": [0.8, 0.9], "eps": 1e-6},
            lambda g: torch.optim.AdamW(g, 0.03, (0.8, 0.9), 1e-6),
        ),
        (
            {"optimizer": "rmsprop", "alpha": 0.9, "momentum": 0.5, "centered": True, "eps": 1e-6},
            lambda g: torch.optim.RMSprop(
                g, 0.03, alpha=0.9, momentum=0.5, centered=True, eps=1e-6
            ),
        ),
        (
            {"optimizer": "adagrad", "initial_sum": 0.1, "eps": 1e-6},
            lambda g: torch.optim.Adagrad(g, 0.03, initial_accumulator_value=0.1, eps=1e-6),
        ),
    ],
)
def test_steps_are_those_of_torch(settings: dict[str, Any], theirs: Callable[[Any], Any]) -> None:
    common = {"lr": 0.03, "weight_decay": 0.1}
    ours = weights_after(lambda model: build(model, **common, **settings))
    expected = weights_after(lambda model: theirs(groups(model, 0.1)))
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_adam_s_decay_is_part_of_the_gradient_and_adamw_s_is_not() -> None:
    found = {}
    for name in ("adam", "adamw"):
        model = nn.Linear(2, 2, bias=False)
        nn.init.ones_(model.weight)
        optimizer = build(model, optimizer=name, lr=0.1, weight_decay=0.5)
        model.weight.grad = torch.zeros(2, 2)
        optimizer.step()
        found[name] = float(model.weight[0, 0].detach())
    assert found["adam"] == pytest.approx(0.9)  # a whole step of Adam
    assert found["adamw"] == pytest.approx(1 - 0.1 * 0.5)


@pytest.mark.parametrize("amsbound", [False, True])
def test_adabound_is_the_published_algorithm(amsbound: bool) -> None:
    """Algorithm 2 of the paper and its authors' code, one weight at a time in plain numbers."""
    torch.manual_seed(0)
    model = nn.Linear(3, 1, bias=False)
    start = model.weight.detach().flatten().tolist()
    lr, final, speed, decay = 0.02, 0.3, 0.05, 0.1
    optimizer = build(
        model,
        optimizer="adabound",
        lr=lr,
        final_lr=final,
        bound_speed=speed,
        weight_decay=decay,
        amsbound=amsbound,
    )
    gradients = torch.randn(30, 3)
    rates = [lr * (0.5 if step >= 15 else 1.0) for step in range(30)]  # as a schedule has it
    for row, rate in zip(gradients, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate
        model.weight.grad = row[None].clone()
        optimizer.step()
    for place in range(3):
        w, m, v, top = start[place], 0.0, 0.0, 0.0
        for t, (row, rate) in enumerate(zip(gradients, rates, strict=True), 1):
            g = float(row[place]) + decay * w
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            top = max(top, v)
            root = math.sqrt(top if amsbound else v) + 1e-8
            goal = final * rate / lr
            low, high = goal * (1 - 1 / (speed * t + 1)), goal * (1 + 1 / (speed * t))
            size = rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            w -= min(max(size / root, low), high) * m
        assert float(model.weight[0, place].detach()) == pytest.approx(w, rel=1e-4)


def test_the_bounds_of_adabound_close_in_on_the_final_rate() -> None:
    first, late = bounds(1, 1e-3, 0.1), bounds(10**7, 1e-3, 0.1)
    assert first[0] < 1e-3 and first[1] > 100
    assert late == pytest.approx((0.1, 0.1), rel=1e-3)


def test_lion_is_the_published_algorithm() -> None:
    model = nn.Linear(4, 2, bias=False)
    w, m = model.weight.detach().clone(), torch.zeros(2, 4)
    settings = {"lr": 0.01, "weight_decay": 0.3, "betas": [0.8, 0.95]}
    optimizer = build(model, optimizer="lion", **settings)
    for seed in range(10):
        g = torch.randn(2, 4, generator=torch.Generator().manual_seed(seed))
        model.weight.grad = g.clone()
        optimizer.step()
        w = w - 0.01 * ((0.8 * m + 0.2 * g).sign() + 0.3 * w)
        m = 0.95 * m + 0.05 * g
    torch.testing.assert_close(model.weight.detach(), w)


def test_muon_moves_hidden_matrices_by_orthogonal_ones_and_the_rest_as_adamw() -> None:
    model = small_net()
    before = [weight.detach().clone() for weight in model.parameters()]
    optimizer = build(
        model, optimizer="muon", lr=0.1, weight_decay=0.0, newton_steps=12, aux_scale=0.5
    )
    for weight in model.parameters():
        weight.grad = torch.randn_like(weight)
    optimizer.step()
    kernel, head, bias = (
        (old - new.detach()) for old, new in zip(before, model.parameters(), strict=True)
    )
    singular = torch.linalg.svdvals(kernel.flatten(1))
    assert singular.max() / singular.min() < 2, "all directions alike"
    for moved in (head, bias):  # the first step of Adam is of the learning rate's size
        torch.testing.assert_close(moved.abs(), torch.full_like(moved, 0.05), rtol=1e-3, atol=0)
    assert [group.get("use_fallback") for group in optimizer.param_groups] == [None, True, True]
    with pytest.raises(ConfigError, match="--newton-steps is 0"):
        technique_of("optimizer", "muon").Settings(newton_steps=0)


@pytest.mark.parametrize("flags", [set(), {"avx512_bf16"}])
def test_muon_s_products_are_in_a_format_that_the_processor_has(
    monkeypatch: pytest.MonkeyPatch, flags: set[str]
) -> None:
    monkeypatch.setattr("headrace.train.device.amp.cpu_flags", lambda: flags)
    model = small_net()
    optimizer = build(model, optimizer="muon")
    for weight in model.parameters():
        weight.grad = torch.randn_like(weight)
    with Products() as found:
        optimizer.step()
    assert found.formats == {torch.bfloat16 if flags else torch.float32}


class Products(TorchDispatchMode):
    """Number formats of the matrix products within."""

    def __init__(self) -> None:
        super().__init__()
        self.formats: set[torch.dtype] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func.overloadpacket in (torch.ops.aten.addmm, torch.ops.aten.baddbmm):
            self.formats.add(args[0].dtype)
        return func(*args, **(kwargs or {}))


def test_layers_learn_the_slower_the_earlier_they_are() -> None:
    model = small_net()
    found = build(model, layer_decay=0.5, lr=0.4, weight_decay=0.1).param_groups
    assert [(g.get("lr_scale", 1), g["lr"], g["weight_decay"]) for g in found] == [
        (0.5, 0.2, 0.1),
        (1, 0.4, 0.1),
        (1, 0.4, 0.0),
    ]
    assert found[0]["params"] == [model[0].weight]


def test_layers_of_timm_s_models_are_those_of_timm() -> None:
    import timm
    from timm.optim import param_groups_layer_decay

    model = timm.create_model("test_vit", num_classes=3)
    theirs = param_groups_layer_decay(model, weight_decay=0.1, layer_decay=0.7)
    expected = {id(p): group["lr_scale"] for group in theirs for p in group["params"]}
    ours = build(model, layer_decay=0.7, weight_decay=0.1).param_groups
    found = {id(p): group.get("lr_scale", 1.0) for group in ours for p in group["params"]}
    assert found == pytest.approx(expected)
    assert len(set(expected.values())) > 3


def test_the_head_has_a_rate_of_its_own() -> None:
    model = small_net()
    found = build(model, head_lr=10, lr=0.01).param_groups
    by_scale = {group.get("lr_scale", 1.0): group for group in found if group["weight_decay"]}
    assert by_scale[1.0]["params"] == [model[0].weight]
    assert by_scale[10.0]["params"] == [model[2].weight]
    assert by_scale[10.0]["lr"] == pytest.approx(0.1)
    with pytest.raises(ConfigError, match="--head-lr: this model has no layer to end with"):
        build(nn.BatchNorm2d(3), head_lr=2)


def test_biases_and_norms_have_a_rate_of_their_own() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2, bias=False))
    found = build(model, bias_lr=16, head_lr=2, lr=0.01, weight_decay=0.1).param_groups
    rates = {id(p): group["lr"] for group in found for p in group["params"]}
    told = [rates[id(p)] for p in model.parameters()]
    assert told == pytest.approx([0.01, 0.16, 0.16, 0.16, 0.02])
    assert {group["weight_decay"] for group in found if group["lr"] == pytest.approx(0.16)} == {0}
    with pytest.raises(ConfigError, match="--bias-lr is 0"):
        build(model, bias_lr=0)


def test_a_spatial_transformer_is_neither_the_head_nor_a_layer_of_its_own() -> None:
    import timm

    model = Transformed(timm.create_model("test_vit", num_classes=3))
    first, last = min(layer_numbers(model).values()), max(layer_numbers(model).values())
    numbers = layer_numbers(model)
    assert {numbers[n] for n in numbers if n.startswith("transformer.")} == {first} == {0}
    assert numbers["model.head.weight"] == last > 3
    assert head_names(model) == {"model.head.weight", "model.head.bias"}
    of_squeezenet = Transformed(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten()))
    assert head_names(of_squeezenet) == {"model.0.weight", "model.0.bias"}


@pytest.mark.parametrize(
    ("name", "settings", "flag"),
    [
        ("sgd", {"momentum": 1.0}, "momentum"),
        ("adam", {"betas": (0.9, 1.0)}, "betas"),
        ("adamw", {"eps": 0.0}, "eps"),
        ("rmsprop", {"alpha": -0.1}, "alpha"),
        ("adagrad", {"initial_sum": -1.0}, "initial-sum"),
        ("adabound", {"final_lr": 0.0}, "final-lr"),
        ("lion", {"betas": (1.0, 0.9)}, "betas"),
        ("muon", {"aux_scale": 0.0}, "aux-scale"),
    ],
)
def test_impossible_settings_are_refused(name: str, settings: dict[str, Any], flag: str) -> None:
    with pytest.raises(ConfigError, match=f"--{flag} is "):
        technique_of("optimizer", name).Settings(**settings)
