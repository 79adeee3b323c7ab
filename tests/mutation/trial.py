"""One run of a subject's tests, in a process of its own that was forked from this one.

The mutated source is put in place by a hook of the import system: the child imports it instead of
the file, which nothing touches. The parent has imported what is heavy and not ours, so that
a child needs no more time than its tests.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from tests.mutation.reach import Reach, Selection
from tests.mutation.subjects import ROOT, Subject

_GIB = 1 << 30
_EXAMPLES = 25


class Outcome(Enum):
    """What became of a run."""

    PASSED = "passed"
    FAILED = "failed"
    OUT_OF_TIME = "out of time"


class Limits(NamedTuple):
    """How much a run may take: a mistake may well make a loop endless, or a number huge."""

    cpu_s: int = 900
    wall_s: int = 1800
    more_memory_bytes: int = 8 * _GIB
    file_bytes: int = _GIB


def import_heavy() -> None:
    """What children would each import for themselves; nothing of ours, which may be mutated."""
    import _hypothesis_pytestplugin
    import hypothesis.stateful
    import numba
    import PIL.Image
    import pytest
    import pytest_timeout
    import torch.utils.data
    import torchvision
    import tyro
    import yaml

    _ = _hypothesis_pytestplugin, hypothesis, numba, PIL, pytest, pytest_timeout
    _ = torch, torchvision, tyro, yaml
    gc.collect()
    gc.freeze()  # or each child's collector would copy the pages of all that is the same for them


def run_tests(
    subject: Subject, source: str, plugin: Reach | Selection, limits: Limits, log: Path
) -> Outcome:
    """Runs the tests of a subject on a source of it, up to the first that fails.

    Args:
        plugin: finds out which tests reach which lines, or picks tests.
        limits: beyond which the run is ended.
        log: takes what pytest prints.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-mutation-") as folder:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            os._exit(_in_child(subject, source, plugin, limits, log, Path(folder)))
        status = _waited(child, limits.wall_s)
    if status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        return Outcome.OUT_OF_TIME
    return Outcome.PASSED if status == 0 else Outcome.FAILED


def _waited(child: int, wall_s: int) -> int | None:
    """A child's status, or None if it had to be ended; whatever it started is ended with it."""
    end = time.monotonic() + wall_s
    try:
        while time.monotonic() < end:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return status
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # its own session, see _in_child


def _in_child(
    subject: Subject,
    source: str,
    plugin: Reach | Selection,
    limits: Limits,
    log: Path,
    folder: Path,
) -> int:
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _redirect(log)
        _limit(limits)
        sys.meta_path.insert(0, _Finder(subject, source))
        if subject.interpreted:
            import numba

            numba.config.DISABLE_JIT = True
        return _pytest(subject.tests, plugin, folder)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        return 1


def _pytest(tests: Sequence[str], plugin: Reach | Selection, folder: Path) -> int:
    import pytest
    from hypothesis import Phase, settings

    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder / "hypothesis")
    # Whether an example fails is asked, not which is the smallest; and most mistakes show at once.
    settings.register_profile(
        "mutation",
        deadline=None,
        database=None,
        max_examples=_EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
    )
    # Loading plugins that no test here needs takes longer than most tests, as does looking through
    # all memory for exceptions in destructors.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plugins = "no:cacheprovider no:unraisableexception pytest_timeout _hypothesis_pytestplugin"
    arguments = ["-x", "--hypothesis-profile=mutation"]
    arguments += [word for name in plugins.split() for word in ("-p", name)]
    arguments += ["--basetemp", str(folder / "tests"), *tests]
    if all(test.startswith(str(ROOT)) for test in tests):
        arguments += ["--rootdir", str(ROOT)]
    plugin.begin()
    status = int(pytest.main(arguments, plugins=[plugin]))
    plugin.close()
    sys.stdout.flush()
    return status


def _redirect(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def _limit(limits: Limits) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + limits.more_memory_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 5))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers the import of one module with a source."""

    def __init__(self, subject: Subject, source: str) -> None:
        self.subject, self.source = subject, source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.subject.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.subject.path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, str(self.subject.path), "exec"), module.__dict__)
