#!/usr/bin/env python3
"""How loading scales: with workers, with the batch size, and with the number of records.

    bench/scaling.py                                        a small set drawn for the purpose
    bench/scaling.py --data food11.beton --loaders native peer:ffcv --json scaling.json

The record counts are those of the file repeated: tables of full size over the same image bytes.
Opening is timed in a fresh process; a part of an epoch is enough for the speed.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from headrace.bench.core.bar_chart import Bar, Panel, bar_chart
from headrace.bench.core.flag_values import count, names, positive, seconds
from headrace.bench.core.isolated_process import Isolated, UnavailableError
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table
from headrace.bench.loading.compare_speed import reads_of
from headrace.bench.loading.image_forms import Subject, Workshop, packed_subject, warm_page_cache
from headrace.bench.loading.loader_under_test import PEERS, Job
from headrace.bench.loading.repeat_records import retable
from headrace.bench.loading.timed_loader import OpenCost, Part
from headrace.pipeline.command_line import EXIT_FAILED, Parser, called, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loader import LOADERS

BATCH_SIZE = 256
RECORDS = (1_000, 10_000, 100_000, 1_300_000)
MIN_RECORDS = 20_000  # in the file that workers and batch sizes are measured on
KNOWN = (*LOADERS, *(f"peer:{name}" for name, (_, reads) in PEERS.items() if reads == "beton"))
SPEED_COLUMNS = (
    Column("what"),
    Column("value", "value", ",d"),
    Column("loader"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("IQR", "images_per_s_iqr", ",.0f"),
    Column("first batch s", "first_batch_s", ".2f"),
    Column("CPU %", "cpu_percent", ".0f"),
    Column("peak MB", "peak_rss_mb", ",.0f"),
)
OPEN_COLUMNS = (
    Column("records", "value", ",d"),
    Column("open s", "open_s", ".3f"),
    Column("plan s", "plan_s", ".3f"),
    Column("added MB", "open_rss_mb", ",.0f"),
    Column("of it private", "open_private_mb", ",.0f"),
    Column("file MB", "file_mb", ",.0f"),
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One setting to measure: what varies, its value, and the file it is measured on."""

    what: str
    value: int
    path: Path
    workers: int
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class ScalingConfig:
    """How to measure: see the command line."""

    loaders: Sequence[str]
    size: int
    seed: int
    repeats: int
    min_s: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = _parse(arguments)
    config = ScalingConfig(
        loaders=names(given.loaders, KNOWN, "--loaders"),
        size=given.size,
        seed=given.seed,
        repeats=given.repeats,
        min_s=given.min_seconds,
    )
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(available_cores(), *given.workers)))
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", dir=given.scratch) as scratch:
        workshop = Workshop(Path(scratch))
        data = given.data
        if data is None:
            print("no --data: drawing a small sample data set", file=sys.stderr)
            data = workshop.pack(workshop.sample(available_cores()))
        subject = packed_subject(data, given.split, given.limit)
        files = _files(subject, given.records, Path(scratch))
        opening = [_opening(n, files[n], config.repeats) for n in given.records]
        rows, unavailable = measure(_points(given, files), config)
    print(table(opening, OPEN_COLUMNS), table(rows, SPEED_COLUMNS), sep="\n\n")
    for entry in unavailable:
        print(f"not run: {entry['loader']}: {entry['reason']}")
    if given.json:
        write_json(
            given.json,
            command=command_line("bench/scaling.py", arguments),
            rows=rows,
            opening=opening,
            unavailable=unavailable,
            images=subject.records,
        )
    if given.plot:
        bar_chart(given.plot, panels(rows, opening), title="Scaling", unit="")
    return 0 if rows else EXIT_FAILED


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog=called("bench scaling"), description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    cores = available_cores()
    add("--data", type=Path, metavar="F", help="a .beton file (a small sample is drawn)")
    add("--split", default="train", metavar="NAME", help="(%(default)s)")
    add("--limit", type=count, default=5000, metavar="N", help="images used; 0: all (%(default)s)")
    add("--loaders", nargs="+", default=["native"], metavar="L", help=f"of {', '.join(KNOWN)}")
    add("--workers", nargs="+", type=positive, default=list(range(1, cores + 1)), metavar="N")
    add("--batch-size", nargs="+", type=positive, default=[32, 128, 512], metavar="N")
    add("--records", nargs="+", type=positive, default=list(RECORDS), metavar="N")
    add("--size", type=positive, default=128, metavar="PX", help="(%(default)s)")
    add("--seed", type=count, default=0)
    add("--repeats", type=positive, default=3, metavar="N", help="(%(default)s)")
    add("--min-seconds", type=seconds, default=1.5, metavar="S", help="of a run (%(default)s)")
    add("--scratch", type=Path, metavar="DIR", help="for temporary files")
    add("--json", type=Path, metavar="F", help="write the results there")
    add("--plot", type=Path, metavar="F", help="draw them there, PNG")
    given = parser.parse_args(arguments)
    if given.scratch is not None and not given.scratch.is_dir():
        raise ConfigError(f"--scratch {given.scratch} is not a folder")
    return given


def _points(given: argparse.Namespace, files: Mapping[int, Path]) -> list[Point]:
    cores = available_cores()
    points = [
        Point(what="workers", value=n, path=files[0], workers=n, batch_size=BATCH_SIZE)
        for n in given.workers
    ]
    points += [
        Point(what="batch size", value=n, path=files[0], workers=cores, batch_size=n)
        for n in given.batch_size
    ]
    points += [
        Point(what="records", value=n, path=files[n], workers=cores, batch_size=BATCH_SIZE)
        for n in given.records
    ]
    return points


def _files(subject: Subject, counts: Sequence[int], scratch: Path) -> dict[int, Path]:
    """Record files by number of samples; 0 is the one for workers and batch sizes."""
    files = {}
    for number in tqdm([0, *dict.fromkeys(counts)], desc="record files", leave=False):
        files[number] = retable(
            subject.path,
            scratch / f"{number}.beton",
            split=subject.split,
            count=number or max(MIN_RECORDS, subject.images),
        )
        warm_page_cache(files[number])
    return files


def _opening(number: int, path: Path, repeats: int) -> dict[str, Any]:
    costs: list[OpenCost] = []
    for _ in range(repeats):
        with Isolated("opening") as process:
            costs.append(process.open_records(path))
    return {
        "value": number,
        "open_s": spread(cost.open_s for cost in costs).median,
        "open_s_iqr": spread(cost.open_s for cost in costs).iqr,
        "plan_s": spread(cost.plan_s for cost in costs).median,
        "open_rss_mb": spread(cost.rss_mb for cost in costs).median,
        "open_private_mb": spread(cost.private_mb for cost in costs).median,
        "file_mb": path.stat().st_size / 1e6,
    }


def measure(
    points: Sequence[Point], config: ScalingConfig
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Measures every loader at every point, interleaved within what varies.

    Returns:
        rows, and the loaders that could not run with the reason.
    """
    rows: list[dict[str, Any]] = []
    unavailable: dict[tuple[str, str], dict[str, Any]] = {}
    groups = [
        [(loader, point) for point in points if point.what == what for loader in config.loaders]
        for what in dict.fromkeys(point.what for point in points)
    ]
    with tqdm(total=len(points) * len(config.loaders) * config.repeats, leave=False) as progress:

        def run(loader: str, point: Point) -> tuple[Part, float] | None:
            progress.set_postfix_str(f"{loader}, {point.value} {point.what}")
            try:
                with Isolated(loader) as process:
                    return process.run_part(_job(loader, point, config), config.min_s), (
                        process.peak_rss_mb
                    )
            except UnavailableError as error:
                reason = str(error)
                unavailable[loader, reason] = {"loader": loader, "reason": reason}
                return None
            finally:
                progress.update(1)

        for group in groups:
            runs = {
                f"{loader} {point.value}": lambda pair=(loader, point): run(*pair)
                for loader, point in group
            }
            found = interleaved(runs, config.repeats)
            for (loader, point), results in zip(group, found.values(), strict=True):
                rows += _row(loader, point, config, [r for r in results if r is not None])
    return rows, list(unavailable.values())


def _job(loader: str, point: Point, config: ScalingConfig) -> Job:
    assert reads_of(loader) == "beton"
    return Job(
        name=loader,
        path=str(point.path),
        split="train",
        size=config.size,
        batch_size=point.batch_size,
        workers=point.workers,
        crop_scale=(0.08, 1.0),
        seed=config.seed,
    )


def _row(
    loader: str, point: Point, config: ScalingConfig, results: Sequence[tuple[Part, float]]
) -> Iterator[dict[str, Any]]:
    if not results:
        return
    speed = spread(part.run.images_per_s for part, _ in results)
    yield {
        "what": point.what,
        "value": point.value,
        "loader": loader,
        "size": config.size,
        "workers": point.workers,
        "batch_size": point.batch_size,
        "images_per_s": speed.median,
        "images_per_s_iqr": speed.iqr,
        "first_batch_s": spread(part.first_batch_s for part, _ in results).median,
        "cpu_percent": spread(part.run.cpu_percent for part, _ in results).median,
        "peak_rss_mb": spread(peak for _, peak in results).median,
    }


def panels(rows: Sequence[dict[str, Any]], opening: Sequence[dict[str, Any]]) -> list[Panel]:
    """One panel per thing that varies, and one for the time to open."""
    found = []
    for what in dict.fromkeys(row["what"] for row in rows):
        bars = [
            Bar(
                f"{row['loader'].removeprefix('peer:')}, {row['value']:,}",
                row["images_per_s"],
                row["images_per_s_iqr"],
                "peer" if row["loader"].startswith("peer:") else "ours",
            )
            for row in rows
            if row["what"] == what
        ]
        found.append(Panel(f"images/s by {what}", bars))
    bars = [
        Bar(f"{row['value']:,}", 1000 * row["open_s"], note=f"{row['open_rss_mb']:.0f} MB")
        for row in opening
    ]
    return [*found, Panel("milliseconds to open that many records, and memory added", bars)]


if __name__ == "__main__":
    run_command(main)
