"""The learning rate of a larger batch, by a rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.train.run import run_training
from headrace.train.schedules.batch_scaling import ScalingConfig
from headrace.train.settings.config_file import from_flat
from tests.train.tiny_runs import rows, settings


@pytest.mark.parametrize(
    ("rule", "batch", "base", "rate"),
    [
        ("none", 1024, 256, 0.1),
        ("linear", 1024, 256, 0.4),
        ("sqrt", 1024, 256, 0.2),
        ("linear", 64, 256, 0.025),
        ("sqrt", 64, 256, 0.05),
        ("linear", 8192, 256, 3.2),  # Goyal et al., table 1
    ],
)
def test_rules_by_hand(rule: str, batch: int, base: int, rate: float) -> None:
    values = {"lr": 0.1, "lr_scaling": rule, "lr_base_batch": base}
    optim = from_flat(values, "test").optim
    assert optim.for_batches(batch).peak_lr == pytest.approx(rate)
    assert optim.for_batches(batch).for_batches(batch).peak_lr == pytest.approx(rate)
    assert (optim.scaling.line(0.1, batch) == "") == (rule == "none")


def test_without_a_rate_the_optimizers_own_is_scaled() -> None:
    optim = from_flat({"optimizer": "sgd", "lr_scaling": "linear"}, "test").optim
    assert optim.for_batches(512).peak_lr == pytest.approx(0.1)


def test_a_run_trains_at_the_scaled_rate_and_says_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes: dict[str, Any] = {"epochs": 1, "schedule": "constant", "warmup_epochs": 0, "lr": 0.001}
    scaled = {"lr_scaling": "linear", "lr_base_batch": 4}
    run_training(settings(data, tmp_path / "run", **changes, **scaled))
    said = capsys.readouterr().out.splitlines()
    assert (
        "learning rate: 0.002, 0.001 scaled by the rule linear from batches of 4 to those of 8"
        in said
    )
    assert {row["lr"] for row in rows(tmp_path / "run", "step")} == {0.002}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr_scaling": "square"}, "lr_scaling is 'square', expected none or"),
        ({"lr_base_batch": 0}, "--lr-base-batch is 0"),
    ],
)
def test_settings_that_cannot_work(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_flat(values, "test")


def test_a_line_tells_both_rates() -> None:
    assert ScalingConfig().factor(512) == 1.0
    assert ScalingConfig(lr_scaling="linear", lr_base_batch=4).line(0.001, 8) == (
        "learning rate: 0.002, 0.001 scaled by the rule linear from batches of 4 to those of 8"
    )


def test_the_settings_themselves_refuse_what_cannot_work() -> None:
    assert ScalingConfig(lr_scaling="linear", lr_base_batch=1).factor(3) == 3.0
    with pytest.raises(ConfigError, match="lr-scaling is 'square', expected one of none, linear"):
        ScalingConfig(lr_scaling="square")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="lr-base-batch is 0, expected at least 1"):
        ScalingConfig(lr_base_batch=0)
