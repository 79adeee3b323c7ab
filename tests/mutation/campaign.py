"""The mutants of a subject, one after the other: killed by its tests, explained, or survivors."""

from __future__ import annotations

import random
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutation.mutants import Mutant, make_mutants
from tests.mutation.reach import Reach, Reached, Selection, read_reached
from tests.mutation.subjects import Subject
from tests.mutation.trial import Limits, Outcome, run_tests

# More than the same tests took, with every line watched, of the sound module.
_TIMES, _MORE_S = 3, 20


class BadTests(Exception):
    """The tests fail without a mistake."""


@dataclass
class Report:
    """What became of a subject's mutants.

    Attributes:
        made: how many there are; more than were tried, of a sample.
        killed: changes that a test noticed, or that never came to an end.
        explained: changes that are known not to matter; they are not run.
        survived: changes that no test noticed.
        unreached: those of the survivors that no test reaches.
        stale: explanations of changes that there are no more.
    """

    made: int = 0
    killed: list[str] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many mutants there is a result of."""
        return len(self.killed) + len(self.explained) + len(self.survived)


def run_campaign(
    subject: Subject,
    folder: Path,
    *,
    explained: Container[str] = (),
    known: tuple[str, ...] = (),
    sample: int = 0,
    seed: int = 0,
    only: Container[str] | None = None,
    survivor: Callable[[str], None] = lambda change: None,
) -> Report:
    """Tries mutants.

    Args:
        folder: for notes, and for what the last run of tests printed.
        explained: changes that do not matter.
        known: the same, to tell which of them are stale.
        sample: how many mutants, drawn by `seed`; 0: all.
        only: changes to try; None: all.
        survivor: is told each change that survives.

    Raises:
        BadTests: if the tests fail on the module as it is.
    """
    source = subject.path.read_text()
    mutants = make_mutants(source)
    changes = {mutant.change for mutant in mutants}
    report = Report(made=len(mutants), stale=[change for change in known if change not in changes])
    if only is not None:
        mutants = [mutant for mutant in mutants if mutant.change in only]
    if 0 < sample < len(mutants):
        drawn = sorted(random.Random(seed).sample(range(len(mutants)), sample))
        mutants = [mutants[place] for place in drawn]
    reached = _reached(subject, source, folder)
    for mutant in mutants:
        if mutant.change in explained:
            report.explained.append(mutant.change)
        elif _is_killed(subject, mutant, reached, folder):
            report.killed.append(mutant.change)
        else:
            report.survived.append(mutant.change)
            if not reached.tests_of(mutant.lines):
                report.unreached.append(mutant.change)
            survivor(mutant.change)
    return report


def _reached(subject: Subject, source: str, folder: Path) -> Reached:
    notes, log = folder / "reached.json", folder / "log.txt"
    if run_tests(subject, source, Reach(subject, notes), Limits(), log) is not Outcome.PASSED:
        raise BadTests(f"{subject.name}: its tests fail without a mistake:\n{log.read_text()}")
    return read_reached(notes)


def _is_killed(subject: Subject, mutant: Mutant, reached: Reached, folder: Path) -> bool:
    tests = reached.tests_of(mutant.lines)
    if not tests:
        return False
    seconds = int(sum(reached.seconds[test] for test in tests)) * _TIMES + _MORE_S
    limits = Limits(cpu_s=seconds, wall_s=3 * seconds)
    reaching = {Path(test.split("::")[0]).name for test in tests}
    files = tuple(test for test in subject.tests if Path(test.split("::")[0]).name in reaching)
    part = subject._replace(tests=files)
    outcome = run_tests(
        part, mutant.source, Selection(tests, reached.lines), limits, folder / "log.txt"
    )
    return outcome is not Outcome.PASSED
