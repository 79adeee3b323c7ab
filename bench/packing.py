#!/usr/bin/env python3
"""Speed of packing: ours against FFCV's DatasetWriter and webdataset's ShardWriter.

    bench/packing.py --folder photos/ --json packing.json

Two tasks on the same files: `max-256`, where large images are shrunk and encoded anew, and `fit`,
where every image may stay as it is (FFCV has no such way: it decodes and encodes each). Each run
is a process of its own, in turn with the others; a first, untimed run warms caches and compiled
code. The table has the median of the runs and the distance between their quartiles.
"""

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import table
from headrace.bench.packers.compare_packers import (
    COLUMNS,
    NEEDS,
    TASKS,
    add_ratios,
    linked_images,
    measure,
)
from headrace.bench.packers.one_packer import PACKERS
from headrace.pipeline.command_line import Parser, called, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = _parse(arguments)
    names = [n for n in given.packers if importlib.util.find_spec(NEEDS.get(n, "numpy"))]
    unavailable = [{"packer": n, "needs": NEEDS[n]} for n in given.packers if n not in names]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", dir=given.scratch) as scratch:
        source = linked_images(given.folder, Path(scratch), given.repeat, given.images)
        for task in given.tasks:
            rows += measure(
                task, names, source, Path(scratch), workers=given.workers, repeats=given.repeats
            )
    add_ratios(rows)
    print(table(rows, COLUMNS))
    for entry in unavailable:
        print(f"{entry['packer']} left out: {entry['needs']} is not installed")
    if given.json:
        command = command_line("bench/packing.py", arguments)
        write_json(given.json, command=command, rows=rows, unavailable=unavailable)
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog=called("bench packing"), description="Speed of packing.")
    add = parser.add_argument
    add("--folder", type=Path, help="camera JPEGs (default: a sample set is drawn)")
    add("--images", type=int, default=330, help="of the drawn set (%(default)s)")
    add("--repeat", type=int, default=16, help="take each image so often (%(default)s)")
    add("--repeats", type=int, default=5, help="timed runs of each packer (%(default)s)")
    add("--workers", type=int, default=available_cores(), help="(%(default)s)")
    add("--packers", nargs="+", choices=PACKERS, default=list(PACKERS), metavar="NAME")
    add("--tasks", nargs="+", choices=TASKS, default=list(TASKS), metavar="TASK")
    add("--scratch", type=Path, help="folder for the outputs (default: the system's)")
    add("--json", type=Path, metavar="FILE", help="write the results")
    given = parser.parse_args(arguments)
    for option in ("images", "repeat", "repeats", "workers"):
        if getattr(given, option) < 1:
            raise ConfigError(f"--{option} {getattr(given, option)}: expected 1 or more")
    return given


if __name__ == "__main__":
    run_command(main)
