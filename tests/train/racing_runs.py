"""Two runs that want one folder; `python -m tests.train.racing_runs FOLDER DATA STOPPED SEED ...`.

Imports torch once and forks the two, which costs a second a race instead of ten. Whoever gets the
folder waits at a step that the seed chooses until the other has tried. Prints one JSON line per
seed: how each of the two ended.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import random
import shutil
import sys
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import torch

import headrace.train.loop
from headrace.pipeline.errors import ConfigError, Finished
from headrace.train.run import run_training
from headrace.train.state import Run
from tests.train.tiny_runs import settings

WAYS = ("out", "overwrite", "resume")
FIRST_STEP = {"out": 0, "overwrite": 0, "resume": 3}
WAIT_S = 60.0


def race(base: Path, data: Path, stopped: Path, seed: int) -> list[dict[str, Any]]:
    """Two runs into one folder, at once or one in the middle of the other.

    Args:
        base: gets the folder, named by the seed.
        data: for both.
        stopped: a run folder that was stopped after three steps.
        seed: chooses how the folder is asked for and when.

    Returns:
        For each its `status`, what it was `told`, and whether files `changed` while it was refused.
    """
    rng = random.Random(seed)
    way, folder = WAYS[seed % len(WAYS)], base / str(seed)
    if way != "out":
        shutil.copytree(stopped, folder)
    at_once = rng.random() < 0.3
    step = FIRST_STEP[way] if at_once else rng.randrange(FIRST_STEP[way], 12)
    context = multiprocessing.get_context("fork")
    reached, ended = context.Event(), (context.Event(), context.Event())
    ends: Any = context.SimpleQueue()
    runs = [
        context.Process(
            target=_run,
            args=(way, folder, data, number, step, reached, ended, ends, at_once),
        )
        for number in range(2)
    ]
    for run in runs:
        run.start()
    told = sorted((ends.get() for _ in runs), key=lambda end: end["number"])
    for run in runs:
        run.join()
    return told


def _run(
    way: str,
    folder: Path,
    data: Path,
    number: int,
    step: int,
    reached: Event,
    ended: tuple[Event, Event],
    ends: Any,
    at_once: bool,
) -> None:
    real = headrace.train.loop.optimise

    def wait_there(run: Run, images: torch.Tensor, targets: torch.Tensor) -> None:
        if run.progress.global_step == step:
            reached.set()
            ended[1 - number].wait(WAIT_S)
        real(run, images, targets)

    headrace.train.loop.optimise = wait_there
    if number == 1 and not at_once:
        reached.wait(WAIT_S)
    config = settings(data, folder, overwrite=way == "overwrite", save_every=2)
    before = _content(folder)
    end: dict[str, Any] = {"number": number, "way": way, "status": "done", "told": ""}
    try:
        run_training(config, str(folder) if way == "resume" else "")
    except Finished:
        pass  # the other has done it all
    except ConfigError as error:
        end.update(status="refused", told=str(error), changed=_content(folder) != before)
    except BaseException as error:
        end.update(status="failed", told=repr(error))
    ended[number].set()
    ends.put({**end, "at_once": at_once})


def _content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()} if folder.is_dir() else {}


def preload() -> None:
    """What a run imports on its way, so that not every racer has to."""
    for name in ("timm", "torchvision", "kornia"):
        importlib.import_module(name)


if __name__ == "__main__":
    preload()
    for text in sys.argv[4:]:
        base, data, stopped = map(Path, sys.argv[1:4])
        print("RACE", json.dumps(race(base, data, stopped, int(text))), flush=True)
