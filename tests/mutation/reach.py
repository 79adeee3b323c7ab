"""Which tests reach which lines of a module, so that a mutant is shown to those only."""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest

from tests.mutation.subjects import Subject


class Reached(NamedTuple):
    """What a run of all tests told.

    Attributes:
        lines: of each test, by its id, the lines of the module that it reached.
        everyone: lines that were reached outside of tests: as the module was imported.
        seconds: how long each test took.
    """

    lines: dict[str, set[int]]
    everyone: set[int]
    seconds: dict[str, float]

    def tests_of(self, lines: range) -> list[str]:
        """Ids of the tests that reach any of these lines, the fastest first."""
        if self.everyone.intersection(lines):
            ids = list(self.lines)
        else:
            ids = [test for test, reached in self.lines.items() if reached.intersection(lines)]
        return sorted(ids, key=lambda test: self.seconds[test])


class Reach:
    """A plugin of pytest that writes down which test reached which line of a source.

    What a fixture of a whole file or session reaches counts for every test of that file or of all:
    whichever test comes first sets it up for the others.
    """

    def __init__(self, subject: Subject, out: Path) -> None:
        self.source, self.module, self.out = str(subject.path), subject.name, out
        self.lines: dict[str, set[int]] = defaultdict(set)
        self.seconds: dict[str, float] = defaultdict(float)
        self.current = ""

    def begin(self) -> None:
        """Begins, in the process that runs the tests, with the import of the module.

        Before pytest does, whose conftest.py files may import it.
        """
        sys.settrace(self._enter)
        threading.settrace(self._enter)
        importlib.import_module(self.module)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Counts what is reached from here on for this test."""
        self.current = item.nodeid
        self.lines[item.nodeid] |= set()
        begun = time.monotonic()
        sys.settrace(self._enter)
        yield
        self.seconds[item.nodeid] += time.monotonic() - begun
        self.current = ""

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """Counts what a shared fixture reaches for all that share it."""
        before = self.current
        if fixturedef.scope != "function":
            shared = fixturedef.scope in ("module", "class")
            self.current = f"{before.split('::')[0]}::*" if shared else ""
        yield
        self.current = before

    def close(self) -> None:
        """Writes it."""
        sys.settrace(None)
        threading.settrace(None)
        self.out.write_text(
            json.dumps(
                {
                    "lines": {test: sorted(lines) for test, lines in self.lines.items()},
                    "seconds": self.seconds,
                }
            )
        )

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._line if frame.f_code.co_filename == self.source else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        self.lines[self.current].add(frame.f_lineno)
        return self._line


class Selection:
    """A plugin of pytest that runs the tests of these ids, in this order, of those that are known.

    A mistake in a constant may give a test another id; such a one is run, too.
    """

    def __init__(self, ids: list[str], known: Iterable[str]) -> None:
        self.place = {test: place for place, test in enumerate(ids)}
        self.others = frozenset(known) - set(ids)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves the chosen ones."""
        chosen = [item for item in items if item.nodeid not in self.others]
        items[:] = sorted(chosen, key=lambda item: self.place.get(item.nodeid, -1))

    def begin(self) -> None:
        """Nothing to watch."""

    def close(self) -> None:
        """Nothing to write."""


def read_reached(path: Path) -> Reached:
    """What a `Reach` has written."""
    read = json.loads(path.read_text())
    lines = {test: set(found) for test, found in read["lines"].items()}
    for shared in [test for test in lines if test.endswith("::*")]:
        found = lines.pop(shared)
        for test in lines:
            if test.startswith(shared[:-1]):
                lines[test] |= found
    everyone = lines.pop("", set())
    return Reached(lines, everyone, read["seconds"])
