"""The command that asks whether tests bite: on a module and tests that are made up."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.equivalent import REASONS
from tests.mutation.mutants import make_mutants
from tests.mutation.reach import Reached
from tests.mutation.subjects import ROOT, TESTS, subject
from tests.source_code import parsed

TOY = '''"""A toy."""

LIMIT: int | None = 9


class Settings:
    width: int = 4

def share(part: int, whole: int = 4) -> float:
    """Of the whole."""
    if part > whole:
        raise ValueError(f"{part + 0} is more than {whole * 1}, by {part - whole}")
    print(part)
    return part / whole


SHARES = [1, 2]


def wait(n: int) -> int:
    while n > 0:
        n -= 1
    return n


def forgotten() -> int:
    return 1 + 2
'''
TESTS_OF_TOY = """
import pytest
import toy


def test_share():
    assert toy.share(1, 4) == 0.25


@pytest.mark.parametrize("share", toy.SHARES)
def test_shares(share):
    assert share < 3


def test_wait():
    assert toy.wait(3) == 0
"""
CAMPAIGN = """
import sys
from pathlib import Path
from tests.mutation.campaign import run_campaign
from tests.mutation.subjects import Subject

folder = Path(sys.argv[1])
toy = Subject("toy", folder / "toy.py", (str(folder / "test_toy.py"),))
only = {
    "share: return part / whole -> return part * whole",
    "share: if part > whole: -> if part >= whole:",
    "share: print(part) -> pass",
    "wait: while n > 0: -> while not n > 0:",
    "forgotten: return 1 + 2 -> return 1 - 2",
    "module: SHARES = [1, 2] -> SHARES = [1, 3]",
}
report = run_campaign(
    toy, folder, only=only, explained={"share: print(part) -> pass"}, known=("gone", )
)
print(sorted(report.killed), sorted(report.survived), report.explained, report.unreached, sep="\\n")
print(report.tried < report.made, report.stale)
"""


forks = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc, and forks")


@forks
def test_what_survives_is_told_from_what_is_killed(tmp_path: Path) -> None:
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "test_toy.py").write_text(TESTS_OF_TOY)
    (tmp_path / "conftest.py").write_text("import toy\n")  # which imports it before any test
    done = subprocess.run(
        [sys.executable, "-c", CAMPAIGN, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "['module: SHARES = [1, 2] -> SHARES = [1, 3]', "
        "'share: return part / whole -> return part * whole', "
        "'wait: while n > 0: -> while not n > 0:']",
        "['forgotten: return 1 + 2 -> return 1 - 2', "
        "'share: if part > whole: -> if part >= whole:']",
        "['share: print(part) -> pass']",
        "['forgotten: return 1 + 2 -> return 1 - 2']",
        "True ['gone']",
    ], done.stderr
    assert (tmp_path / "toy.py").read_text() == TOY


@forks
def test_tests_that_fail_anyway_prove_nothing(tmp_path: Path) -> None:
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "test_toy.py").write_text("def test_it():\n    assert False\n")
    done = subprocess.run(
        [sys.executable, "-c", CAMPAIGN, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert "BadTests: toy: its tests fail without a mistake" in done.stderr


def test_mutants_are_other_programs() -> None:
    mutants = make_mutants(TOY)
    programs = {ast.dump(parsed(mutant.source)) for mutant in mutants}
    assert len(programs) == len(mutants) and ast.dump(parsed(TOY)) not in programs
    changes = [mutant.change for mutant in mutants]
    assert "module: LIMIT: int | None = 9 -> LIMIT: int | None = 10" in changes
    assert "share: return part / whole -> return part * whole" in changes
    assert "wait: n -= 1 -> n -= 2" in changes
    assert not any("raise ValueError" in change for change in changes)
    assert not any("width" in change for change in changes)
    assert not any("int & None" in change or "A toy" in change for change in changes)


def test_a_mutant_names_the_lines_of_its_statement() -> None:
    source = "def f(x):\n    if (\n        x\n        > 1\n    ):\n        y = [\n            2,\n"
    source += "        ]\n"
    lines = {mutant.change.rsplit(" -> ")[-1]: mutant.lines for mutant in make_mutants(source)}
    assert lines["x >= 1"] == range(2, 6)
    assert lines["3,"] == range(6, 9)


def test_tests_that_reach_a_line_come_by_their_time() -> None:
    reached = Reached({"a": {1, 2}, "b": {2}, "c": set()}, {9}, {"a": 3.0, "b": 1.0, "c": 2.0})
    assert reached.tests_of(range(2, 3)) == ["b", "a"]
    assert reached.tests_of(range(3, 5)) == []
    assert reached.tests_of(range(8, 10)) == ["b", "c", "a"]


@pytest.mark.parametrize("module", TESTS)
def test_subjects_and_their_tests_are_there(module: str) -> None:
    found = subject(module)
    assert found.path.is_file()
    for test in found.tests:
        file, *names = test.split("[")[0].split("::")
        assert all(f"def {name}(" in Path(file).read_text() for name in names)


def test_explanations_are_of_modules_that_are_mutated() -> None:
    assert set(REASONS) <= set(TESTS)
