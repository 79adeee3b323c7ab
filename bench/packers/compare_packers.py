"""Packers against each other: a process for each run, in turn, on the same linked images."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.bench.core.process_usage import PeakMemory, cpu_percent
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.tables import Column
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.layouts.scanning import scan_images

ROOT = Path(__file__).resolve().parents[2]
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


def measure(
    task: str, names: Sequence[str], source: Path, scratch: Path, *, workers: int, repeats: int
) -> list[dict[str, Any]]:
    """The rows of one task, a packer each: a first, untimed run, then repeats in turn."""
    runs = {
        name: (lambda name=name: _run(name, source, scratch, TASKS[task], workers))
        for name in names
    }
    for run in runs.values():
        run()
    rows = []
    for name, results in interleaved(runs, repeats).items():
        speed = spread(r.images_per_s for r in results)
        rows.append(
            {
                "task": task,
                "packer": name,
                "images": results[0].images,
                "workers": 1 if name == "peer:webdataset" else workers,
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
    command = [sys.executable, "-m", "headrace.bench.packers.one_packer", name]
    command += [str(source), str(out), str(max_side), str(workers)]
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


def linked_images(folder: Path | None, scratch: Path, repeat: int, images: int) -> Path:
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


def add_ratios(rows: list[dict[str, Any]]) -> None:
    """Gives each row its `ratio`: speed over the baseline's at that task."""
    base = {row["task"]: row["images_per_s"] for row in rows if row["packer"] == BASELINE}
    for row in rows:
        if row["task"] in base:
            row["ratio"] = row["images_per_s"] / base[row["task"]]
