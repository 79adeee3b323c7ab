"""Names that nobody knows, and what is proposed in their place."""

from __future__ import annotations

import pytest

from headrace.pipeline.checking import check_choice
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.loaders.settings import DecodeConfig
from headrace.pipeline.near_names import did_you_mean, near_names

PRESETS = ("food11-boss", "food11-report", "food11-tta", "small-food", "cifar10_fast")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("food11", ["food11-boss", "food11-report", "food11-tta"]),
        ("FOOD11_T", ["food11-tta"]),
        ("smal-food", ["small-food"]),
        ("cifar10-fsat", ["cifar10_fast"]),
        ("fo", []),  # too little to say which
        ("", []),
        ("nothing", []),
        (3, []),
    ],
)
def test_names_that_begin_so_go_before_those_spelled_alike(name: object, near: list[str]) -> None:
    assert near_names(name, PRESETS) == near


def test_it_ends_a_complaint() -> None:
    assert did_you_mean("food11-t", PRESETS) == "; did you mean food11-tta?"
    assert did_you_mean("food11", PRESETS) == (
        "; did you mean food11-boss, food11-report or food11-tta?"
    )
    assert did_you_mean("x", PRESETS) == ""


def test_settings_of_python_are_proposed_too() -> None:
    with pytest.raises(ConfigError, match=r"; did you mean classes\?$"):
        LayoutConfig(layout="clases")
    with pytest.raises(ConfigError, match=r"; did you mean resident\?$"):
        DecodeConfig(loader="residnet")
    with pytest.raises(ConfigError, match=r"lft', expected one of left, right; did .* left"):
        check_choice("side", "lft", ("left", "right"))
