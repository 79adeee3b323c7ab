"""Runs of two processes, one after the other, and how each process ended.

    OPENBLAS_NUM_THREADS=1 python -m tests.train.many_exits tiny.beton FOLDER COUNT [SECONDS]

Each process is forked from one that has imported everything and started no thread, so that a run
takes as long as its group, its loaders and its files; it ends as the command does, through the
interpreter's own end. TensorBoard, threads or workers of a loader and the group take part. Prints
a line `EXITS {json}`.
"""

from __future__ import annotations

import collections
import importlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from tests.train.test_world import free_port

LIMIT_S = 240
FLAGS = (
    "--model timm:test_resnet --size 32 --batch-size 8 --epochs 1 --device cpu --amp off "
    "--recipe flip --limit-batches 2 --no-report"
).split()
LOADERS = ("native", "torchvision")
"""With threads, and with worker processes, which take far longer to start: every twentieth run."""
EVERY = 20
ALL = (
    *(
        "headrace.train.run",
        "headrace.pipeline.loaders.native",
        "headrace.train.losses.cross_entropy",
    ),
    *("torch._dynamo", "timm", "torch.utils.tensorboard", "torchvision", "numba", "simplejpeg"),
)


def start(rank: int, port: str, words: list[str], log: Path) -> int:
    """Forks one process of a run; returns its id in the parent, and never in the child."""
    child = os.fork()
    if child:
        return child
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({**group, "RANK": str(rank), "LOCAL_RANK": str(rank)})
    where = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for stream in (1, 2):
        os.dup2(where, stream)
    sys.argv = ["train/run.py", *words]
    from headrace.pipeline.command_line import run_command
    from headrace.train.run import main

    run_command(main)


def warm_up() -> None:
    """Imports what every run would import anew; starts no thread."""
    for name in ALL:
        importlib.import_module(name)
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1, f"a process with {len(threads)} threads cannot be forked"


def ended(child: int, deadline: float) -> str:
    """How a process ended: its status, the signal that killed it, or that it hung."""
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return str(code) if code >= 0 else signal.Signals(-code).name
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


def main() -> None:
    data, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    until = time.monotonic() + (float(sys.argv[4]) if len(sys.argv) > 4 else float("inf"))
    folder.mkdir(parents=True, exist_ok=True)
    warm_up()
    ends: collections.Counter[str] = collections.Counter()
    runs = 0
    while runs < count and time.monotonic() < until:
        out = folder / f"run{runs}"
        loader = LOADERS[runs % EVERY == EVERY - 1]
        words = ["--data", data, "--out", str(out), *FLAGS, "--loader", loader, "--workers", "1"]
        port, deadline = free_port(), time.monotonic() + LIMIT_S
        logs = [folder / f"run{runs}.{rank}.log" for rank in range(2)]
        children = [start(rank, port, words, logs[rank]) for rank in range(2)]
        found = [ended(child, deadline) for child in children]
        ends.update(found)
        runs += 1
        if found == ["0", "0"]:  # the logs of the others stay, to be read
            shutil.rmtree(out)
            for log in logs:
                log.unlink()
        (folder / "exits.json").write_text(json.dumps({"runs": runs, "ends": ends}))
    print("EXITS", json.dumps({"runs": runs, "ends": ends}), flush=True)


if __name__ == "__main__":
    main()
