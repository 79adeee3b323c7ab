"""The processes of one run: what one is refused all hear of, and none leaves threads behind."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.train.processes.world import World
from tests.train.tiny_runs import write_data

ROOT = Path(__file__).resolve().parents[2]
NEEDS_GROUP = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="torch without distributed"
)

THREADS = """
import atexit
import sys
from pathlib import Path
import torch
from tests.train.tiny_runs import settings
from headrace.train.run import run_training

during = []
def threads():
    return sorted(task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm"))

import headrace.train.opening.compiled
import headrace.train.run
from headrace.pipeline.command_line import run_command
from headrace.pipeline.errors import Interrupted

real = headrace.train.opening.compiled.make_forward
def watched(*arguments):
    forward = real(*arguments)
    during.extend(threads())
    return forward
headrace.train.opening.compiled.make_forward = watched

@atexit.register
def count():
    left = [name for name in threads() if "gloo" in name]
    print("during:", any("gloo" in name for name in during), "left:", left)

def interrupted(run, stop):
    raise Interrupted

def main():
    run_training(settings(Path(sys.argv[1]), Path(sys.argv[2]), epochs=1))

how = sys.argv[3]
if how == "held":
    run = run_training(settings(Path(sys.argv[1]), Path(sys.argv[2]), epochs=1))
    assert run.world.size == 2
else:
    if how == "interrupted":
        headrace.train.run.train = interrupted
    run_command(main)
"""

REFUSAL = """
import sys
from headrace.train.processes.world import join_world, leave_world
from headrace.pipeline.errors import HeadraceError

def refused():
    assert world.is_main
    raise OSError("the disk has gone")

world, _ = join_world("cpu")
try:
    world.on_main(refused)
except (OSError, HeadraceError) as error:
    print(type(error).__name__, error)
made = world.on_main(lambda: f"made by {world.rank}")
print(made)
leave_world()
"""


def free_port() -> str:
    """A port that nobody listens on, nor will: systems give those from 32768 on to who asks."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return str(port)
    raise AssertionError("a hundred ports in use")


def two_processes(code: str, *arguments: str) -> list[tuple[int, str, str]]:
    """Exit status, output and errors of each rank; no launcher ends one for the other's sake."""
    return processes(2, code, *arguments)


def processes(number: int, code: str, *arguments: str) -> list[tuple[int, str, str]]:
    """The same of as many processes as are wanted; of one, without a group."""
    group = {"WORLD_SIZE": str(number), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            env={**os.environ, **group, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(number)
    ]
    try:
        texts = [rank.communicate(timeout=240) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()
    return [(rank.returncode, *text) for rank, text in zip(ranks, texts, strict=True)]


@NEEDS_GROUP
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
@pytest.mark.parametrize(("how", "wanted"), [("held", 0), ("interrupted", 130), ("refused", 2)])
def test_no_process_keeps_the_groups_threads(how: str, wanted: int, tmp_path: Path) -> None:
    """However the run ends, and also where its caller still holds the finished run."""
    data, out = write_data(tmp_path / "tiny.beton"), tmp_path / "run"
    if how == "refused":
        out.write_text("in the way")
    for status, said, errors in two_processes(THREADS, str(data), str(out), how):
        assert status == wanted, errors
        assert said.splitlines()[-1] == "during: True left: []", errors


@NEEDS_GROUP
def test_what_rank_0_is_refused_is_refused_everywhere() -> None:
    (first, main, errors), (second, other, more) = two_processes(REFUSAL)
    assert (first, second) == (0, 0), errors + more
    assert main.splitlines() == ["OSError the disk has gone", "made by 0"]
    assert other.splitlines() == ["HeadraceError the disk has gone", "None"]


def test_alone_an_error_is_raised_as_it_is() -> None:
    def refused() -> None:
        raise ConfigError("no")

    with pytest.raises(ConfigError, match=r"^no$"):
        World().on_main(refused)
    assert World().on_main(lambda: 3) == 3
    assert issubclass(ConfigError, HeadraceError)
