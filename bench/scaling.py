#!/usr/bin/env python3
"""How loading scales: with workers, with the batch size, and with the number of records.

    bench/scaling.py                                        a small set drawn for the purpose
    bench/scaling.py --data food11.beton --loaders native peer:ffcv --json scaling.json

The record counts are those of the file repeated: tables of full size over the same image bytes.
Opening is timed in a fresh process; a part of an epoch is enough for the speed.
"""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from headrace.bench.core.bar_chart import bar_chart
from headrace.bench.core.flag_values import OutFile, check_seconds, names, parse_bench
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import table
from headrace.bench.loading.image_forms import ImageForms, warm_page_cache
from headrace.bench.loading.image_sets import ImageSet, packed_image_set
from headrace.bench.loading.repeat_records import repeat_records
from headrace.bench.loading.scaling_points import (
    OPEN_COLUMNS,
    SPEED_COLUMNS,
    Point,
    ScalingConfig,
    measure,
    measure_opening,
    panels,
)
from headrace.bench.loading.sources import PEERS
from headrace.pipeline.bars import bar
from headrace.pipeline.command_line import EXIT_FAILED, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import check_given, check_least
from headrace.pipeline.loaders import LOADERS
from headrace.pipeline.quiet import note

BATCH_SIZE = 256
RECORDS = (1_000, 10_000, 100_000, 1_300_000)
MIN_RECORDS = 20_000  # in the file that workers and batch sizes are measured on
KNOWN = (*LOADERS, *(f"peer:{name}" for name, (_, reads) in PEERS.items() if reads == "beton"))


@dataclass(frozen=True, kw_only=True)
class ScalingSettings:
    """How loading scales: with workers, with the batch size, and with the number of records."""

    data: Annotated[Path | None, arg(metavar="F", help_behavior_hint="")] = None
    """A .beton file; without one a small sample is drawn."""
    split: Annotated[str, arg(metavar="NAME")] = "train"
    """Whose samples are loaded."""
    limit: Annotated[int, arg(metavar="N")] = 5000
    """Images used; 0: all."""
    loaders: Annotated[
        tuple[str, ...], arg(metavar="L ...", help=f"Of {', '.join(KNOWN)}; all or none.")
    ] = ("native",)
    workers: Annotated[tuple[int, ...], arg(metavar="N ...")] = field(
        default_factory=lambda: tuple(range(1, available_cores() + 1))
    )
    """Threads or processes of each loader."""
    batch_size: Annotated[tuple[int, ...], arg(metavar="N ...")] = (32, 128, 512)
    """Images."""
    records: Annotated[tuple[int, ...], arg(metavar="N ...")] = RECORDS
    """Records of the files."""
    size: Annotated[int, arg(metavar="PX")] = 128
    """Side of the images that come out."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of order and crops."""
    repeats: Annotated[int, arg(metavar="N")] = 3
    """Measured runs of each."""
    min_seconds: Annotated[float, arg(metavar="S")] = 1.5
    """Of a run, at least."""
    scratch: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """For temporary files."""
    json: OutFile = None
    """Write the results there."""
    plot: OutFile = None
    """Draw them there, PNG."""

    def __post_init__(self) -> None:
        check_least(self, 0, "limit", "seed")
        check_least(self, 1, "workers", "batch_size", "records", "size", "repeats")
        check_given(self, "loaders")
        check_seconds("--min-seconds", self.min_seconds)
        names(self.loaders, KNOWN, "--loaders")
        if self.scratch is not None and not self.scratch.is_dir():
            raise ConfigError(f"--scratch {self.scratch} is not a folder")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse_bench(ScalingSettings, "bench scaling", arguments)
    config = ScalingConfig(
        loaders=names(given.loaders, KNOWN, "--loaders"),
        size=given.size,
        seed=given.seed,
        repeats=given.repeats,
        min_s=given.min_seconds,
    )
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(available_cores(), *given.workers)))
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", dir=given.scratch) as scratch:
        forms = ImageForms(Path(scratch))
        data = given.data
        if data is None:
            note("no --data: drawing a small sample data set")
            data = forms.pack(forms.sample(available_cores()))
        image_set = packed_image_set(data, given.split, given.limit)
        files = _files(image_set, given.records, Path(scratch))
        opening = [measure_opening(n, files[n], config.repeats) for n in given.records]
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
            images=image_set.records,
        )
    if given.plot:
        bar_chart(given.plot, panels(rows, opening), title="Scaling", unit="")
    return 0 if rows else EXIT_FAILED


def _points(given: ScalingSettings, files: Mapping[int, Path]) -> list[Point]:
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


def _files(image_set: ImageSet, counts: Sequence[int], scratch: Path) -> dict[int, Path]:
    """Record files by number of samples; 0 is the one for workers and batch sizes."""
    files = {}
    for number in bar([0, *dict.fromkeys(counts)], desc="record files", leave=False):
        files[number] = repeat_records(
            image_set.path,
            scratch / f"{number}.beton",
            split=image_set.split,
            count=number or max(MIN_RECORDS, image_set.images),
        )
        warm_page_cache(files[number])
    return files


if __name__ == "__main__":
    run_command(main)
