"""Runs killed at random moments, resumed until they end, and compared with one that nobody killed.

    OPENBLAS_NUM_THREADS=1 python -m tests.train.many_kills FOLDER KILLS [SECONDS] [SEED]

Every second kill comes after a random time, the others before a random change of a file, so that
many fall into the writing of a checkpoint. With an average of the weights, batches in parts and a
checkpoint after every step. After each kill whatever bears a final name is whole. Each process is
forked from one that has imported everything. Prints a line `KILLS {json}`.
"""

from __future__ import annotations

import collections
import json
import os
import random
import shutil
import signal
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import torch

from headrace.pipeline.errors import Finished
from headrace.train.command_line import AUTO
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.run import run_training
from tests.train.many_exits import warm_up
from tests.train.tiny_runs import assert_same_run, settings, write_data

CHANGES = {"epochs": 2, "average": "ema", "accumulate": 2, "workers": 0, "amp": "off"}
STEPS = {"open", "os.rename", "os.link", "os.remove", "os.truncate", "os.mkdir"}
NUM_STEPS = 60
"""Changes of files below the run's folder that a whole run makes, or a few more."""


def train(data: Path, folder: Path) -> None:
    """Begins, or goes on where there is something to go on from."""
    torch.set_num_threads(1)
    with suppress(Finished):  # killed behind its last step
        run_training(settings(data, folder, **CHANGES, save_every=1), resume=AUTO)


def start(data: Path, folder: Path, die_at: int | None) -> int:
    """Forks a run; it is killed before its change of a file of this number."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        log = os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if die_at is not None:
            _die_at(die_at, str(folder))
        train(data, folder)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _die_at(step: int, below: str) -> None:
    seen = count()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        here = bool(arguments) and str(arguments[0]).startswith(below)
        if event in STEPS and here and next(seen) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def check_whole(folder: Path) -> None:
    """What has a final name can be read; at most the journal's last line is a part."""
    for path in folder.glob("*.pt"):
        if not path.name.startswith("."):
            load_checkpoint(path)
    lines = folder / "metrics.jsonl"
    if lines.exists():
        for line in lines.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                json.loads(line)


def main() -> None:
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    until = time.monotonic() + (float(sys.argv[3]) if len(sys.argv) > 3 else float("inf"))
    chance = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    folder.mkdir(parents=True, exist_ok=True)
    data, whole = write_data(folder / "tiny.beton"), folder / "whole"
    warm_up()
    began = time.monotonic()
    _, status = os.waitpid(start(data, whole, None), 0)
    assert status == 0, (folder / "whole.log").read_text()
    duration_s = time.monotonic() - began
    done: collections.Counter[str] = collections.Counter()
    while done["kills"] < kills and time.monotonic() < until:
        out = folder / f"run{done['runs']}"
        while True:
            by_file = chance.random() < 0.5
            child = start(data, out, chance.randrange(NUM_STEPS) if by_file else None)
            if not by_file:
                time.sleep(chance.uniform(0, duration_s))
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status):
                assert status == 0, out.with_suffix(".log").read_text()
                break
            check_whole(out)
            done["kills"] += 1
            done["at a file" if by_file else "at a time"] += 1
        assert_same_run(whole, out)
        done["runs"] += 1
        shutil.rmtree(out)
    print("KILLS", json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
