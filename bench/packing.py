#!/usr/bin/env python3
"""Speed of packing: ours against FFCV's DatasetWriter and webdataset's ShardWriter.

    bench/packing.py --folder photos/ --json packing.json

Two tasks on the same files: `max-256`, where large images are shrunk and encoded anew, and `fit`,
where every image may stay as it is (FFCV has no such way: it decodes and encodes each). Each run
is a process of its own, in turn with the others; a first, untimed run warms caches and compiled
code. The table has the median of the runs and the distance between their quartiles.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from headrace.bench.core.flag_values import OutFile, parse_bench
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
from headrace.pipeline.command_line import run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.flags import check_given, check_least, one_of
from headrace.pipeline.installed import is_installed

_PACKERS, _TASKS = tuple(PACKERS), tuple(TASKS)
_Packer = Annotated[str, one_of(_PACKERS)]
_Task = Annotated[str, one_of(_TASKS)]


@dataclass(frozen=True, kw_only=True)
class PackingSettings:
    """Speed of packing: ours against FFCV's DatasetWriter and webdataset's ShardWriter."""

    folder: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Camera JPEGs; without any a sample set is drawn."""
    images: Annotated[int, arg(metavar="N")] = 330
    """Of the drawn set."""
    repeat: Annotated[int, arg(metavar="N")] = 16
    """Take each image so often."""
    repeats: Annotated[int, arg(metavar="N")] = 5
    """Timed runs of each packer."""
    workers: Annotated[int, arg(metavar="N")] = field(default_factory=available_cores)
    """Of each packer that can use several."""
    packers: Annotated[tuple[_Packer, ...], arg(metavar="NAME ...")] = _PACKERS
    """Which of them."""
    tasks: Annotated[tuple[_Task, ...], arg(metavar="NAME ...")] = _TASKS
    """What to pack."""
    scratch: Annotated[
        Path | None, arg(metavar="DIR", help_behavior_hint="(default: the system's)")
    ] = None
    """Folder for the outputs."""
    json: OutFile = None
    """Write the results there."""

    def __post_init__(self) -> None:
        check_least(self, 1, "images", "repeat", "repeats", "workers")
        check_given(self, "packers", "tasks")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse_bench(PackingSettings, "bench packing", arguments)
    names = [n for n in given.packers if is_installed(NEEDS.get(n, "numpy"))]
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


if __name__ == "__main__":
    run_command(main)
