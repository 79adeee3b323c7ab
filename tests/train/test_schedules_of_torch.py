"""Every schedule against torch's own, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as theirs

from headrace.pipeline.errors import ConfigError
from headrace.train.progress import Progress
from headrace.train.schedules import SCHEDULES, one_cycle, plateau
from headrace.train.schedules.build import build_schedule, run_span
from headrace.train.schedules.span import Span
from headrace.train.settings.config_file import from_flat
from headrace.train.settings.optim import OptimConfig
from headrace.train.settings.rooms import technique_of

PEAK, EPOCHS, PER_EPOCH = 0.4, 12, 5
STEPS = EPOCHS * PER_EPOCH


def rates_of_torch(make: Callable[[Any], Any], every: int) -> list[float]:
    """Learning rates of a scheduler that is stepped once in `every` steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = make(optimizer)
    found = []
    for step in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % every == 0:
            scheduler.step()
    return found


def rates(name: str, warmup_epochs: float = 0.0, **settings: Any) -> list[float]:
    """Ours, over the same run."""
    values = {"schedule": name, "epochs": EPOCHS, "lr": PEAK, "warmup_epochs": warmup_epochs}
    optim = from_flat({**values, **settings}, "test").optim
    schedule = build_schedule(optim, run_span(optim, PER_EPOCH))
    return [schedule(step) for step in range(STEPS)]


@pytest.mark.parametrize(
    ("ours", "make", "every"),
    [
        (rates("constant"), lambda o: theirs.ConstantLR(o, factor=1.0), 1),
        (
            rates("step", decay_every=4, decay_factor=0.3),
            lambda o: theirs.StepLR(o, step_size=4, gamma=0.3),
            PER_EPOCH,
        ),
        (
            rates("multistep", milestones=[2, 5, 9], decay_factor=0.2),
            lambda o: theirs.MultiStepLR(o, milestones=[2, 5, 9], gamma=0.2),
            PER_EPOCH,
        ),
        (
            rates("multistep"),
            lambda o: theirs.MultiStepLR(o, milestones=[EPOCHS // 2, EPOCHS * 3 // 4]),
            PER_EPOCH,
        ),
        (
            rates("exponential", decay_factor=0.9),
            lambda o: theirs.ExponentialLR(o, gamma=0.9),
            PER_EPOCH,
        ),
        (rates("cosine", min_lr=0.01), lambda o: theirs.CosineAnnealingLR(o, STEPS, 0.01), 1),
        (
            rates("cosine-restarts", restart_epochs=2, restart_factor=2, min_lr=0.01),
            lambda o: theirs.CosineAnnealingWarmRestarts(o, 2 * PER_EPOCH, 2, 0.01),
            1,
        ),
        (
            rates("one-cycle", rise_share=0.25, start_divisor=20, end_divisor=100),
            lambda o: theirs.OneCycleLR(
                o,
                PEAK,
                total_steps=STEPS,
                pct_start=0.25,
                div_factor=20,
                final_div_factor=100,
                cycle_momentum=False,
            ),
            1,
        ),
        (
            rates("linear", min_lr=0.1),
            lambda o: theirs.LinearLR(o, 1.0, 0.1 / PEAK, total_iters=STEPS),
            1,
        ),
        (
            rates("wsd", decay_share=0.25),
            lambda o: theirs.SequentialLR(
                o,
                [theirs.ConstantLR(o, 1.0), theirs.LinearLR(o, 1.0, 0.0, STEPS // 4)],
                [STEPS * 3 // 4],
            ),
            1,
        ),
    ],
)
def test_rates_are_those_of_torch(
    ours: list[float], make: Callable[[Any], Any], every: int
) -> None:
    assert ours == pytest.approx(rates_of_torch(make, every), abs=1e-12)


def test_the_square_root_falls_faster_at_first() -> None:
    fall = rates("wsd", decay_share=0.5, decay_shape="sqrt", min_lr=0.1)[STEPS // 2 :]
    length = STEPS // 2
    expected = [0.1 + (PEAK - 0.1) * (1 - (n / length) ** 0.5) for n in range(length)]
    assert fall == pytest.approx(expected)


@pytest.mark.parametrize("name", ["cosine", "linear", "one-cycle", "wsd", "cosine-restarts"])
def test_what_follows_the_warm_up_is_the_schedule_over_the_rest(name: str) -> None:
    """Warm-up ends at the schedule's first rate; torch's own is a SequentialLR of the two."""
    warmed = rates(name, warmup_epochs=2)
    optim = OptimConfig(schedule=name, epochs=EPOCHS - 2, lr=PEAK, warmup_epochs=0)
    rest = build_schedule(optim, run_span(optim, PER_EPOCH))
    assert warmed[10:] == pytest.approx([rest(step) for step in range(STEPS - 10)])
    assert warmed[:10] == pytest.approx([rest(0) * (step + 1) / 10 for step in range(10)])


def test_epochs_of_falls_count_from_the_beginning_of_the_run() -> None:
    plain, warmed = rates("step", decay_every=3), rates("step", warmup_epochs=1, decay_every=3)
    assert warmed[PER_EPOCH:] == plain[PER_EPOCH:]
    assert warmed[:PER_EPOCH] == pytest.approx([PEAK * n / PER_EPOCH for n in range(1, 6)])


@pytest.mark.parametrize("on", ["loss", "accuracy"])
def test_plateau_falls_where_torch_s_does(on: str) -> None:
    generator = torch.Generator().manual_seed(1)
    values = (torch.rand(60, generator=generator) * 0.3 + 0.5).tolist()
    settings = plateau.Settings(
        plateau_on=on,  # type: ignore[arg-type]
        plateau_patience=3,
        plateau_cooldown=2,
        plateau_threshold=0.01,
        decay_factor=0.5,
        min_lr=0.02,
    )
    span = Span(peak=PEAK, steps_per_epoch=1, total_steps=60)
    schedule = plateau.build(settings, span)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    other = theirs.ReduceLROnPlateau(
        optimizer,
        mode="min" if on == "loss" else "max",
        factor=0.5,
        patience=3,
        threshold=0.01,
        cooldown=2,
        min_lr=0.02,
    )
    found, expected = [], []
    for epoch, value in enumerate(values):
        schedule.after_epoch(Progress(), {f"val_{on}": value}, best=False)
        other.step(value)
        if epoch % 7 == 0:  # its state is all that a resumed run needs
            kept, schedule = schedule.state_dict(), plateau.build(settings, span)
            schedule.load_state_dict(kept)
        found.append(schedule(epoch))
        expected.append(optimizer.param_groups[0]["lr"])
    assert found == pytest.approx(expected)
    assert len(set(found)) > 3


@pytest.mark.parametrize(
    ("on", "first", "better"),
    [
        ("loss", math.nan, 3.0),
        ("loss", math.inf, 3.0),
        ("loss", 3.0, 2.0),
        ("accuracy", math.nan, 0.1),
        ("accuracy", 0.0, 0.1),
    ],
)
@pytest.mark.parametrize("resumed", [False, True])
def test_plateau_takes_any_number_for_better_than_none(
    on: str, first: float, better: float, resumed: bool
) -> None:
    settings = plateau.Settings(plateau_on=on, plateau_patience=0)  # type: ignore[arg-type]
    span = Span(peak=PEAK, steps_per_epoch=1, total_steps=60)
    schedule = plateau.build(settings, span)
    rates = []
    for value in (first, better, math.nan, better):
        schedule.after_epoch(Progress(), {f"val_{on}": value}, best=False)
        if resumed:
            kept, schedule = schedule.state_dict(), plateau.build(settings, span)
            schedule.load_state_dict(kept)
        rates.append(schedule(0) / PEAK)
    assert rates == pytest.approx([1, 1, 0.1, 0.01])


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("multistep", {"milestones": [5, 3]}, "milestones"),
        ("multistep", {"milestones": [3, 3]}, "milestones"),
        ("multistep", {"milestones": [0]}, "milestones"),
        ("multistep", {"decay_factor": 0.0}, "decay-factor"),
        ("step", {"decay_every": 0}, "decay-every"),
        ("step", {"decay_factor": 0.0}, "decay-factor"),
        ("wsd", {"decay_share": 0.0}, "decay-share"),
        ("wsd", {"decay_share": 1.01}, "decay-share"),
        ("wsd", {"decay_shape": "cubic"}, "decay-shape"),
        ("wsd", {"min_lr": -1.0}, "min-lr"),
        ("one-cycle", {"rise_share": 1.0}, "rise-share"),
        ("one-cycle", {"rise_share": 0.0}, "rise-share"),
        ("one-cycle", {"start_divisor": 0.5}, "start-divisor"),
        ("one-cycle", {"end_divisor": 0.5}, "end-divisor"),
        ("plateau", {"decay_factor": 1.0}, "decay-factor"),
        ("plateau", {"decay_factor": 0.0}, "decay-factor"),
        ("plateau", {"plateau_patience": -1}, "plateau-patience"),
        ("plateau", {"plateau_threshold": -0.1}, "plateau-threshold"),
        ("plateau", {"plateau_cooldown": -1}, "plateau-cooldown"),
        ("plateau", {"plateau_on": "f1"}, "plateau-on"),
        ("cosine", {"min_lr": -1.0}, "min-lr"),
        ("cosine-restarts", {"restart_factor": 0}, "restart-factor"),
        ("cosine-restarts", {"restart_epochs": 0.0}, "restart-epochs"),
        ("cosine-restarts", {"min_lr": -1.0}, "min-lr"),
        ("exponential", {"decay_factor": 0.0}, "decay-factor"),
        ("linear", {"min_lr": float("nan")}, "min-lr"),
    ],
)
def test_impossible_settings_are_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"--{message} is "):
        technique_of("schedule", name).Settings(**settings)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("multistep", {"milestones": [0.5, 1]}),
        ("step", {"decay_every": 1}),
        ("wsd", {"decay_share": 1.0}),
        ("wsd", {"decay_shape": "sqrt"}),
        ("one-cycle", {"start_divisor": 1.0, "end_divisor": 1.0}),
        ("plateau", {"plateau_patience": 0, "plateau_threshold": 0.0, "plateau_on": "accuracy"}),
        ("cosine-restarts", {"restart_factor": 1, "restart_epochs": 0.5}),
    ],
)
def test_settings_at_the_edge_of_what_is_possible(name: str, settings: dict[str, Any]) -> None:
    technique_of("schedule", name).Settings(**settings)


@pytest.mark.parametrize("name", ["cosine", "linear", "wsd", "one-cycle"])
def test_beyond_its_end_a_schedule_stays_where_it_was(name: str) -> None:
    optim = from_flat({"schedule": name, "epochs": 2, "lr": PEAK, "warmup_epochs": 0.5}, "x").optim
    rate = build_schedule(optim, run_span(optim, PER_EPOCH))
    end = 2 * PER_EPOCH
    assert rate(end) < PEAK / 10
    assert {rate(step) for step in (end + 1, 2 * end, 3 * end)} == {rate(end)}


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_one_cycle_whose_rise_is_shorter_than_a_step_begins_at_the_peak(share: float) -> None:
    settings = one_cycle.Settings(rise_share=share, start_divisor=2, end_divisor=10)
    rate = one_cycle.build(settings, Span(peak=PEAK, steps_per_epoch=2, total_steps=2))
    assert [rate(0), rate(1)] == pytest.approx([PEAK, PEAK / 20])


def test_one_cycle_of_a_single_step_is_its_beginning() -> None:
    settings = one_cycle.Settings(rise_share=0.9, start_divisor=2)
    rate = one_cycle.build(settings, Span(peak=PEAK, steps_per_epoch=1, total_steps=1))
    assert rate(0) == PEAK / 2


def test_one_cycle_whose_fall_is_shorter_than_a_step_ends_where_it_should() -> None:
    settings = one_cycle.Settings(rise_share=0.9, start_divisor=2, end_divisor=10)
    rate = one_cycle.build(settings, Span(peak=PEAK, steps_per_epoch=1, total_steps=5))
    assert rate(3) > PEAK / 2 and rate(4) == pytest.approx(PEAK / 20)


def test_stretches_and_falls_of_less_than_a_step_take_one() -> None:
    assert rates("cosine-restarts", restart_epochs=0.01, restart_factor=1) == [PEAK] * STEPS
    assert rates("wsd", decay_share=1e-3) == [PEAK] * STEPS


@pytest.mark.parametrize("name", SCHEDULES)
def test_what_follows_evaluations_needs_them(name: str) -> None:
    needed = "--schedule plateau" if name == "plateau" else ""
    assert OptimConfig(schedule=name, epochs=EPOCHS).needs_evaluation == needed


@pytest.mark.parametrize(
    ("patience", "falls"), [(0, [0, 1, 2, 3, 4]), (1, [0, 0, 1, 1, 2]), (2, [0, 0, 0, 1, 1])]
)
@pytest.mark.parametrize("on", ["loss", "accuracy"])
def test_an_evaluation_that_is_as_good_as_the_best_is_no_better(
    on: str, patience: int, falls: list[int]
) -> None:
    settings = plateau.Settings(
        plateau_on=on,  # type: ignore[arg-type]
        plateau_patience=patience,
        plateau_threshold=0.0,
        decay_factor=0.5,
    )
    schedule = plateau.build(settings, Span(peak=PEAK, steps_per_epoch=1, total_steps=9))
    found = []
    for _ in falls:
        schedule.after_epoch(Progress(), {f"val_{on}": 0.5}, best=False)
        found.append(schedule(0))
    assert found == [PEAK * 0.5**number for number in falls]


@pytest.mark.parametrize(
    ("on", "values"), [("loss", [1.0, 0.995, 0.985, 0.98]), ("accuracy", [0.5, 0.504, 0.506, 0.51])]
)
def test_an_evaluation_is_better_by_a_share_of_the_best(on: str, values: list[float]) -> None:
    """Of a hundredth here; what is better by less leaves the best one what it was."""
    settings = plateau.Settings(
        plateau_on=on,  # type: ignore[arg-type]
        plateau_patience=0,
        plateau_threshold=0.01,
        decay_factor=0.5,
    )
    schedule = plateau.build(settings, Span(peak=PEAK, steps_per_epoch=1, total_steps=9))
    found = []
    for value in values:
        schedule.after_epoch(Progress(), {f"val_{on}": value}, best=False)
        found.append(schedule(0))
    assert found == [PEAK, PEAK / 2, PEAK / 2, PEAK / 4]
