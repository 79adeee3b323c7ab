"""Where a step's gradient is taken: of the whole batch at once or in parts, and as SAM does."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headrace.train.device.amp import choose_precision
from headrace.train.losses import distillation
from headrace.train.losses.teachers import Teachers
from headrace.train.objectives import sam
from headrace.train.processes.world import World
from headrace.train.progress import Progress
from headrace.train.settings.config_file import from_flat
from headrace.train.step import add_gradient

CPU = torch.device("cpu")


def double_net() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3), nn.GroupNorm(2, 6), nn.ReLU(), nn.Flatten(), nn.Linear(96, 4)]
    return nn.Sequential(*layers).double()


def run_of(model: nn.Module, **settings: Any) -> Any:
    """As much of a run as a gradient needs."""
    config = from_flat(settings, "test")
    return SimpleNamespace(
        config=config,
        model=model,
        forward=model,
        world=World(),
        progress=Progress(),
        precision=choose_precision("off", CPU),
        loss=distillation.build(
            config.optim.distill, config.optim.build("loss", torch.arange(1.0, 5))
        ),
        teachers=Teachers((), choose_precision("off", CPU), 1.0, ""),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
    )


@pytest.mark.parametrize("parts", [2, 3, 4, 7])
@pytest.mark.parametrize("loss", ["cross-entropy", "bce", "focal"])
@pytest.mark.parametrize("soft", [False, True])
def test_parts_of_a_batch_add_up_to_the_gradient_of_the_whole(
    parts: int, loss: str, soft: bool
) -> None:
    """With soft targets, weights of classes and a penalty too, and parts of unequal sizes."""
    images = torch.randn(14, 3, 6, 6, dtype=torch.float64)
    targets = torch.rand(14, 4).softmax(1) if soft else torch.randint(0, 4, (14,))
    found, said = [], []
    for accumulate in (1, parts):
        model = double_net()
        run = run_of(model, loss=loss, accumulate=accumulate, penalty=0.01)
        said.append(add_gradient(run, images, targets))
        found.append([weight.grad for weight in model.parameters()])
    for whole, summed in zip(*found, strict=True):
        # Losses are of 32 bits, whose rounding is all that is left.
        torch.testing.assert_close(summed, whole, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(said[1], said[0])


def test_a_small_last_batch_has_no_part_of_one_sample() -> None:
    sizes = []

    class Watch(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            sizes.append(len(input))
            return super().forward(input)

    add_gradient(run_of(Watch(3, 4), accumulate=4), torch.randn(5, 3), torch.arange(5) % 4)
    assert sizes == [3, 2]


def quadratic(model: nn.Linear) -> tuple[Any, list[Tensor]]:
    """The gradient of the squared weights, and where it has been taken."""
    places: list[Tensor] = []

    def gradient() -> Tensor:
        places.append(model.weight.detach().clone())
        (model.weight.square() * torch.tensor([1.0, 4.0])).sum().backward()
        return torch.full((2, 2), float(len(places)))

    return gradient, places


def test_sam_takes_the_gradient_uphill_and_leaves_the_weights_where_they_were() -> None:
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()
    gradient, places = quadratic(model)
    logits = sam.build(sam.Settings(rho=0.1), model)(gradient)
    slope = 2 * before * torch.tensor([1.0, 4.0])
    torch.testing.assert_close(places[1], before + 0.1 * slope / slope.norm())
    assert torch.equal(model.weight.detach(), before)
    expected = 2 * places[1] * torch.tensor([1.0, 4.0])
    torch.testing.assert_close(model.weight.grad, expected)
    assert float(logits[0, 0]) == 1, "those of the weights themselves"


def test_sam_puts_weights_back_though_the_gradient_is_no_number() -> None:
    """As fp16's may be, whose scaler then leaves the step out."""
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()

    def gradient() -> Tensor:
        (model.weight * float("inf")).sum().backward()
        return torch.zeros(1)

    sam.build(sam.Settings(), model)(gradient)
    assert torch.equal(model.weight.detach(), before)


def test_running_statistics_see_one_pass_of_sam() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    once = copy.deepcopy(model)
    images = torch.randn(8, 3)

    def gradient() -> Tensor:
        out: Tensor = model(images)
        out.square().sum().backward()
        return out.detach()

    sam.build(sam.Settings(), model)(gradient)
    once(images)
    for one, other in zip(model.buffers(), once.buffers(), strict=True):
        assert torch.equal(one, other)
