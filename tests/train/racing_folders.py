"""Processes that race for one run folder; `python -m tests.train.racing_folders FOLDER SEED ...`.

What settings import, torch among it, is there before the first race, so that a racer is forked in
a millisecond; from a process without threads, as nothing is computed. Prints one JSON line per
seed: how many racers got the folder, what the others were told, and what was wrong.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

from headrace.pipeline.errors import ConfigError
from headrace.train.folder.folder_lock import FolderLock
from headrace.train.folder.run_folder import hold_folder, make_folder
from headrace.train.settings.config import RunConfig, RuntimeConfig
from headrace.train.settings.config_file import dump_yaml, load_yaml

WAYS = ("out", "overwrite", "resume")
RACERS = 4


def race(base: Path, seed: int) -> dict[str, object]:
    """One race, all racers in the way that the seed chooses; who gets the folder keeps it until
    all have tried."""
    rng = random.Random(seed)
    way, folder = WAYS[seed % len(WAYS)], base / str(seed)
    if way != "out":
        _old_run(folder)
    told_read, told_write = os.pipe()
    gate_read, gate_write = os.pipe()
    racers = []
    for number in range(RACERS):
        delay_s = rng.random() * 0.002
        process = os.fork()
        if process == 0:
            os.close(gate_write)
            try:
                line = _try(folder, way, number, delay_s, told_write, gate_read)
                os.write(told_write, line.encode() + b"\n")
            finally:
                os._exit(0)
        racers.append(process)
    os.close(told_write)
    with os.fdopen(told_read) as told:
        lines = [told.readline().strip() for _ in racers]
        os.close(gate_write)  # lets the winner go
        lines += told.read().split("\n")
    for process in racers:
        os.waitpid(process, 0)
    os.close(gate_read)
    left = {path.name for path in folder.iterdir()}
    lines = [line for line in lines if line]
    return {
        "seed": seed,
        "won": sum(line.startswith("won") for line in lines),
        "refused": [line for line in lines if line.startswith("refused")],
        "wrong": [line for line in lines if not line.startswith(("won", "refused"))],
        "left": sorted(left),
    }


def take(folder: Path, way: str, number: int) -> FolderLock:
    """What train/run.py does to get a run folder."""
    if way == "resume":
        return hold_folder(folder)
    runtime = RuntimeConfig(out=str(folder), overwrite=way == "overwrite", seed=100 + number)
    return make_folder(RunConfig(runtime=runtime))


def _try(folder: Path, way: str, number: int, delay_s: float, told: int, gate: int) -> str:
    time.sleep(delay_s)
    try:
        lock = take(folder, way, number)
    except ConfigError as error:
        return f"refused: {error}"
    except BaseException as error:
        return f"raised {error!r}"
    os.write(told, f"won: {number}\n".encode())
    os.read(gate, 1)  # the end of file
    names = {path.name for path in folder.iterdir()}
    lock.check()
    found = load_yaml(folder / "config.yaml").runtime.seed
    lock.close()
    if way == "resume":
        return "" if (names >= {"last.pt", "best.pt"} and found == 7) else f"{names} {found}"
    return "" if (names == {"config.yaml", ".run.lock"} and found == 100 + number) else f"{names}"


def _old_run(folder: Path) -> None:
    folder.mkdir(parents=True)
    config = RunConfig(runtime=RuntimeConfig(out=str(folder), seed=7))
    (folder / "config.yaml").write_text(dump_yaml(config))
    for name in ("last.pt", "best.pt", "metrics.jsonl", ".last.pt.abc_1234"):
        (folder / name).write_bytes(b"old")


if __name__ == "__main__":
    RunConfig()
    for text in sys.argv[2:]:
        print(json.dumps(race(Path(sys.argv[1]), int(text))))
