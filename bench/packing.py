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
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.bench.core.process_usage import PeakMemory, cpu_percent
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table
from headrace.bench.packers.one_packer import PACKERS
from headrace.pipeline.command_line import Parser, called, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.layouts.discovery import scan_images

ROOT = Path(__file__).resolve().parent.parent
TASKS = {"max-256": 256, "fit": 0}
NEEDS = {"peer:ffcv": "ffcv", "peer:webdataset": "webdataset"}
BASELINE = "peer:ffcv"
COLUMNS = (
    Column("task"),
    Column("packer"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("iqr", "images_per_s_iqr", ",.0f"),
    Column("x ffcv", "ratio", ".2f"),
    Column("output MB", "output_mb", ",.1f"),
    Column("peak MB", "peak_rss_mb", ",.0f"),
    Column("cpu %", "cpu_percent", ".0f"),
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of one packer."""

    images_per_s: float
    output_mb: float
    peak_rss_mb: float
    cpu_percent: float
    images: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = _parse(arguments)
    names = [n for n in given.packers if importlib.util.find_spec(NEEDS.get(n, "numpy"))]
    unavailable = [{"packer": n, "needs": NEEDS[n]} for n in given.packers if n not in names]
    rows = []
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", dir=given.scratch) as scratch:
        source = _source(given.folder, Path(scratch), given.repeat, given.images)
        for task in given.tasks:
            rows += _rows(task, names, source, Path(scratch), given)
    _add_ratios(rows)
    print(table(rows, COLUMNS))
    for entry in unavailable:
        print(f"{entry['packer']} left out: {entry['needs']} is not installed")
    if given.json:
        command = command_line("bench/packing.py", arguments)
        write_json(given.json, command=command, rows=rows, unavailable=unavailable)
    return 0


def _rows(
    task: str, names: Sequence[str], source: Path, scratch: Path, given: argparse.Namespace
) -> list[dict[str, Any]]:
    runs = {
        name: (lambda name=name: _run(name, source, scratch, TASKS[task], given.workers))
        for name in names
    }
    for run in runs.values():
        run()
    rows = []
    for name, results in interleaved(runs, given.repeats).items():
        speed = spread(r.images_per_s for r in results)
        rows.append(
            {
                "task": task,
                "packer": name,
                "images": results[0].images,
                "workers": 1 if name == "peer:webdataset" else given.workers,
                "images_per_s": speed.median,
                "images_per_s_iqr": speed.iqr,
                "runs": speed.count,
                "output_mb": results[0].output_mb,
                "peak_rss_mb": spread(r.peak_rss_mb for r in results).median,
                "cpu_percent": spread(r.cpu_percent for r in results).median,
            }
        )
    return rows


def _run(name: str, source: Path, scratch: Path, max_side: int, workers: int) -> Measured:
    """Runs a packer in a process of its own and removes what it wrote."""
    out = scratch / "out"
    command = [
        sys.executable,
        "-m",
        "headrace.bench.packers.one_packer",
        name,
        str(source),
        str(out),
    ]
    command += [str(max_side), str(workers)]
    before = _children_cpu_s()
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        with PeakMemory(process.pid, interval_s=0.3) as memory:
            text, errors = process.communicate()
    if process.returncode != 0:
        last = errors.strip().splitlines()[-1:] or ["no message"]
        raise HeadraceError(f"{name} failed with status {process.returncode}: {last[0]}")
    found = json.loads(text.strip().splitlines()[-1])
    if out.is_dir():
        shutil.rmtree(out)
    else:
        out.unlink()
    return Measured(
        images_per_s=found["images"] / found["seconds"],
        output_mb=found["output_bytes"] / 1e6,
        peak_rss_mb=memory.rss_mb,
        # Of the whole process, start and imports included.
        cpu_percent=cpu_percent(_children_cpu_s() - before, found["process_s"]),
        images=found["images"],
    )


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _source(folder: Path | None, scratch: Path, repeat: int, images: int) -> Path:
    """A flat folder of hard links to the images, each several times under other names."""
    if folder is None:
        from headrace.tools.sample import SampleConfig, make_sample

        folder = scratch / "drawn"
        make_sample(SampleConfig(train=images, valid=0, test=0), folder, available_cores())
    found = scan_images(folder)
    if not found.images:
        raise ConfigError(f"{folder} holds no images")
    out = scratch / "source"
    out.mkdir()
    for turn in range(repeat):
        for number, path in enumerate(found.images):
            name = out / f"{turn:03d}-{number:07d}.jpg"
            try:
                name.hardlink_to(found.root / path)
            except OSError:  # another file system
                shutil.copyfile(found.root / path, name)
    return out


def _add_ratios(rows: list[dict[str, Any]]) -> None:
    base = {row["task"]: row["images_per_s"] for row in rows if row["packer"] == BASELINE}
    for row in rows:
        if row["task"] in base:
            row["ratio"] = row["images_per_s"] / base[row["task"]]


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
