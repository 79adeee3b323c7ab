"""Packs again and again, killed before every one of its steps on the file system.

    python -m tests.tools.packing.kill_points SRC TEMPLATE RUNS NAME
        [--every N] [--plain] [--force]

Run `i` works in RUNS/i, a copy of TEMPLATE, and is killed before its i-th step. The last one is
the first that gets through. It forks, so it runs in a process of its own, without torch.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from headrace.tools.pack import main as pack
from headrace.tools.packing import renames

STEPS = {
    *("os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"),
    *("os.setxattr", "os.removexattr", "fcntl.flock", "shutil.rmtree"),
}


def _die_before(step: int, below: str) -> None:
    """SIGKILL before the step of this number: a change of names, a lock, the opening of a file."""
    seen = count()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        opens = event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(below)
        if (event in STEPS or opens) and next(seen) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _run(step: int, given: argparse.Namespace, folder: Path) -> int:
    """In a child: packs, unless it is killed."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    options = ["--force"] if given.force else []
    _die_before(step, str(given.source.parent))
    return pack([str(given.source), f"{folder}/{given.name}", "--workers", "1", *options])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("template", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("name")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--plain", action="store_true", help="without the system's renameat2")
    given = parser.parse_args()
    if given.plain:
        renames._system_call = lambda: None  # type: ignore[assignment]
    for step in count(0, given.every):
        folder = given.runs / str(step)
        shutil.copytree(given.template, folder, symlinks=True)
        child = os.fork()
        if child == 0:
            status = 70
            try:
                status = _run(step, given, folder)
            finally:
                os._exit(status)
        _, result = os.waitpid(child, 0)
        if not os.WIFSIGNALED(result):
            sys.exit(os.waitstatus_to_exitcode(result))


if __name__ == "__main__":
    main()
