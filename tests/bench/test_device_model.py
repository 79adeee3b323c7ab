"""bench/device_model.py: its rows and its tables, and what the compiler plans for recipes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.bench import device_model, document
from headrace.bench.modelling.compiler_plan import Plan, compiler_plan
from headrace.bench.modelling.device_functions import FUNCTIONS, SIZES, WARP, counted
from headrace.bench.modelling.planned_functions import planned
from headrace.pipeline.errors import ConfigError, FailedError

MOST_KERNELS = {"recipe none": 1, "recipe flip": 1, WARP: 7, "recipe report": 52}
"""Compiled, at the smallest of the sizes: a tenth above what torch 2.14 plans."""
MORE = {"recipe trivial": 25, "recipe rand": 48, "recipe strong": 40, "recipe cifar": 38}


def plan_of(name: str) -> Plan:
    try:
        plan = planned(name, SIZES[0])
    except FailedError as error:  # an older or newer torch
        pytest.skip(str(error))
    assert plan is not None
    return plan


def check_plan(name: str, most: int) -> None:
    plan, eager = plan_of(name), counted(name, SIZES[0])
    assert 1 <= plan.kernels <= most < eager.launches
    assert plan.moved_bytes < eager.moved_bytes


@pytest.mark.parametrize("name", MOST_KERNELS)
def test_kernels_of_what_is_compiled(name: str) -> None:
    check_plan(name, MOST_KERNELS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_kernels_of_more_that_is_compiled(name: str) -> None:
    check_plan(name, MORE[name])


def test_what_is_not_compiled_has_no_plan() -> None:
    assert planned("training step", SIZES[0]) is None


def test_a_compiler_that_cannot_be_asked_says_so() -> None:
    def broken() -> None:
        raise ValueError("no such\nthing")

    with pytest.raises(FailedError, match=r"torch .* cannot be asked: no such thing"):
        compiler_plan(broken)


def test_the_command_writes_its_rows_and_a_document_shows_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--functions", "recipe none", "--eager", "--json", str(tmp_path / "m.json")]
    assert device_model.main(words) == 0
    shown = capsys.readouterr().out
    assert all(str(size) in shown for size in SIZES)
    found = json.loads((tmp_path / "m.json").read_text())
    assert found["command"].startswith("bench/device_model.py --functions")
    assert [row["function"] for row in found["rows"]] == ["recipe none"] * len(SIZES)
    assert len({row["at"] for row in found["rows"]}) == len(SIZES)
    text = "<!-- table device-memory m.json -->\n<!-- end -->"
    assert "| recipe none |" in document.fill(text, tmp_path)
    text = "<!-- table device-model m.json at=H100-256x224 -->\n<!-- end -->"
    assert document.fill(text, tmp_path).count("| recipe none |") == 1


def test_unknown_functions_are_named() -> None:
    with pytest.raises(ConfigError, match=r"--functions residents: .*did you mean resident"):
        device_model.main(["--functions", "residents"])
    assert not [name for name in FUNCTIONS if "," in name], "commas stand between names"
