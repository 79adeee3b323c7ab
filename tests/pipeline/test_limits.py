"""Limits of settings: numbers are finite and bounded, text has no NUL, devices have their names."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import setting_types, to_flat, with_values
from headrace.pipeline.limits import LIMITS, MOST, check_limits, limits_line
from headrace.pipeline.loader import open_loader
from headrace.pipeline.plan import PlanConfig
from headrace.pipeline.yaml_text import read_yaml


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A part."""

    shares: tuple[tuple[float, float], ...] = ()
    place: Path = Path("a")


@dataclass(frozen=True, kw_only=True)
class Outer:
    """Settings of which nothing checks itself."""

    inner: Inner = field(default_factory=Inner)
    share: Any = 0.5
    workers: int = 1
    sharpness: float = 1.0
    device: str = "auto"
    force: bool = False


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share": math.inf}, "share is inf, expected a finite number, of at most 1000000000"),
        ({"share": -math.inf}, "share is -inf, expected a finite number"),
        ({"share": math.nan}, "share is nan, expected a number"),
        ({"share": np.float32("nan")}, "share is nan, expected a number"),
        ({"share": MOST + 1}, "share is 1000000001, expected at most 1000000000"),
        ({"share": -MOST - 1}, "share is -1000000001, expected at least -1000000000"),
        ({"share": np.int64(2**40)}, "share is .*1099511627776.*, expected at most 1000000000"),
        ({"workers": 1025}, "workers is 1025, expected at most 1024"),
        ({"sharpness": math.nan}, "sharpness is nan, expected a number"),
        ({"sharpness": -math.inf}, "sharpness is -inf, expected at least -1000000000"),
        ({"device": "meta"}, r"device is 'meta', expected auto, cpu or cuda\[:N\]"),
        ({"inner": Inner(shares=((0.1, 0.2), (0.3, math.inf)))}, "shares is inf, expected a fin"),
        ({"inner": Inner(place=Path("a\0b"))}, r"place is 'a\\x00b', expected text without a NUL"),
    ],
)
def test_what_is_out_of_bounds_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        check_limits(Outer(**values))


def test_what_is_within_bounds_is_let_through() -> None:
    check_limits(Outer(share=-MOST, workers=1024, sharpness=math.inf, device="cuda:7", force=True))
    check_limits(Outer(share=None, device="cpu"))


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ConfigError) as error:
        check_limits(Outer(inner=Inner(place=Path("x" * 10_000 + "\0"))))
    assert len(str(error.value)) < 400


def test_the_line_of_a_help_has_each_limit_once() -> None:
    said = limits_line(["seed", "workers", "share", "workers"])
    assert said.endswith("at most 1000000000; of these at most: --seed 2**63 - 1, --workers 1024.")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**20, -(10**20)])
def test_a_loader_takes_no_number_that_is_out_of_bounds(value: float) -> None:
    whole = value if isinstance(value, int) else None
    for name, hint in setting_types(LoaderConfig).items():
        given = value if hint is float else (value, value) if hint == tuple[float, float] else whole
        numeric = hint in (int, float, tuple[float, float]) or name in ("size", "workers")
        if not numeric or given is None or (LIMITS.get(name) == math.inf and value > 0):
            continue
        keyword: dict[str, Any] = {name: given}
        with pytest.raises(ConfigError, match=rf"\b{name}\b") as error:
            open_loader("nowhere.beton", **keyword)
        assert "\n" not in str(error.value)


def test_the_same_numbers_are_refused_where_settings_are_made_alone() -> None:
    for make in (
        lambda: PlanConfig(batch_size=10**20),
        lambda: CropConfig(crop_ratio=(1.0, math.inf)),
        lambda: LoaderConfig(at_most=10**20),
        lambda: with_values(LoaderConfig(), {"workers": 10**20}),
    ):
        with pytest.raises(ConfigError, match="expected"):
            make()
    assert to_flat(LoaderConfig(plan=PlanConfig(crop=CropConfig(sharpness=math.inf))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 3000, "nested too deeply"),
        ("[" * 40 + "]" * 40, "nested more than 32 deep"),
        ("&a [*a]", "nested more than 32 deep"),
        ("!!int ''", "range"),
        ("!!timestamp x", "NoneType"),
        ("9" * 5000, r"limit \(4300"),
        ("0x" + "f" * 5000, "over 1000 digits"),
        (" " * 2**21, "longer than"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("lr: 0.1\nsize: 32\nlr: 0.2", "line 3 says 'lr' a second time"),
    ],
)
def test_yaml_that_cannot_be_settings_is_one_value_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read_yaml(text)
    assert "\n" not in str(error.value) and str(error.value)


def test_aliases_are_counted_each_time() -> None:
    rows = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for old, new in zip("abcdefgh", "bcdefghi", strict=True):
        rows.append(f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]")
    with pytest.raises(ValueError, match="more than 100000 values"):
        read_yaml("\n".join(rows))
    assert read_yaml("a: &a [1]\nb: *a") == {"a": [1], "b": [1]}


def test_a_key_may_be_said_again_in_another_mapping_or_over_a_merged_one() -> None:
    assert read_yaml("[{k: 1}, {k: 2}]") == [{"k": 1}, {"k": 2}]
    assert read_yaml("a: &a {k: 1}\nb: {<<: *a, k: 2}") == {"a": {"k": 1}, "b": {"k": 2}}
