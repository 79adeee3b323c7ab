"""A step reads no value of a tensor, which on a GPU would be to wait for it.

What is looked at are our own techniques: the optimizers of libraries read their count of steps,
which they keep on the host.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from headrace.bench.core.device_calls import DeviceCalls
from headrace.train.averages import AVERAGES
from headrace.train.losses import LOSSES, distillation
from headrace.train.metrics.meter import Meter
from headrace.train.objectives import OBJECTIVES
from headrace.train.optimizers.build import build_optimizer
from headrace.train.schedules.span import Span
from headrace.train.step import optimise
from tests.train.test_objectives import run_of

TECHNIQUES = [
    *({"optimizer": name} for name in ("sgd", "adabound")),
    *({"loss": name, "class_weights": "1,2,3,4"} for name in LOSSES),
    *({"objective": name} for name in OBJECTIVES),
    *({"average": name} for name in AVERAGES),
    {"penalty": 0.1, "penalty_power": 1.5},
    {"accumulate": 3},
    {"layer_decay": 0.5, "head_lr": 2.0},
]


@pytest.mark.parametrize("settings", TECHNIQUES, ids=str)
def test_no_technique_reads_a_value(settings: dict[str, Any]) -> None:
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 4)]
    model = nn.Sequential(*layers)
    run = run_of(model, **{"optimizer": "sgd", **settings})
    optim = run.config.optim
    span = Span(peak=0.1, steps_per_epoch=3, total_steps=6)
    weights = torch.ones(4) if "class_weights" in settings else None
    run.loss = distillation.build(optim.distill, optim.build("loss", weights))
    run.objective = optim.build("objective", model)
    run.average = optim.build("average", model, span)
    run.schedule, run.meter = (lambda step: 0.1), Meter(torch.device("cpu"))
    run.optimizer = build_optimizer(model, optim)
    images, targets = torch.randn(9, 3, 6, 6), torch.randint(0, 4, (9,))
    for _ in range(2):
        with DeviceCalls("cpu") as watch:
            optimise(run, images, targets)
            run.progress.next_step()
            run.average.after_step(run.progress)
        assert not watch.waits, f"{watch.waits[0]} waits for the device"
        assert watch.launches > 20


def test_reading_one_is_seen() -> None:
    with DeviceCalls("cpu") as watch:
        assert torch.ones(2).sum().item() == 2
    assert watch.waits
