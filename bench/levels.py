#!/usr/bin/env python3
"""What levels are worth: loading over the sources' resolution, file size, packing time, loss.

    bench/levels.py PHOTOS [--source 0 1024 2048] [--size 64 128 224] [--json F] [--plot F]

The photos are packed as they are and enlarged (resized, and compressed again at quality 92), with
levels and without. The native loader reads both files; FFCV's Loader reads the one without, DALI
the JPEGs. Crops are of 8 to 100% of the area.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from headrace.bench.core.flag_values import OutFile, check_seconds, parse_bench
from headrace.bench.core.line_chart import line_chart
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import table
from headrace.bench.loading.level_points import (
    FILE_COLUMNS,
    LOSS_COLUMNS,
    SPEED_COLUMNS,
    LevelsConfig,
    measure_loss,
    measure_speed,
    pack_source,
    panels,
)
from headrace.pipeline.command_line import run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.flags import check_least


@dataclass(frozen=True, kw_only=True)
class LevelsSettings:
    """What levels are worth: loading over the sources' resolution, file size, packing time."""

    photos: Annotated[Path, Positional, arg(metavar="PHOTOS")]
    """Folder of images."""
    source: Annotated[tuple[int, ...], arg(metavar="PX ...")] = (0, 1024, 2048)
    """Longer sides that the photos are enlarged to; 0: as they are."""
    size: Annotated[tuple[int, ...], arg(metavar="PX ...")] = (64, 128, 224)
    """Side of the crops."""
    workers: Annotated[int, arg(metavar="N")] = field(default_factory=available_cores)
    """Threads of each loader."""
    batch_size: Annotated[int, arg(metavar="N")] = 128
    """Images."""
    epoch_images: Annotated[int, arg(metavar="N")] = 1024
    """Least images of an epoch; fewer are repeated."""
    repeats: Annotated[int, arg(metavar="N")] = 5
    """Measured runs of each."""
    min_seconds: Annotated[float, arg(metavar="S")] = 1.5
    """Of a run, at least."""
    json: OutFile = None
    """Write the results there."""
    plot: OutFile = None
    """Draw them there, PNG."""

    def __post_init__(self) -> None:
        check_least(self, 0, "source")
        check_least(self, 1, "size", "workers", "batch_size", "epoch_images", "repeats")
        check_seconds("--min-seconds", self.min_seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse_bench(LevelsSettings, "bench levels", arguments)
    config = LevelsConfig(
        workers=given.workers,
        batch_size=given.batch_size,
        epoch_images=given.epoch_images,
        repeats=given.repeats,
        min_s=given.min_seconds,
    )
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(available_cores(), given.workers)))
    rows: list[dict[str, Any]] = []
    unavailable: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as name:
        scratch = Path(name)
        made = [pack_source(given.photos, scratch, px, given.repeats) for px in given.source]
        sources, files = [source for source, _ in made], [row for _, row in made]
        losses = [measure_loss(source, size) for source in sources for size in given.size]
        for size in given.size:
            found, missing = measure_speed(sources, size, scratch, config)
            rows += found
            unavailable += [entry for entry in missing if entry not in unavailable]
    for columns, section in ((SPEED_COLUMNS, rows), (FILE_COLUMNS, files), (LOSS_COLUMNS, losses)):
        print(table(section, columns), end="\n\n")
    for entry in unavailable:
        print(f"{entry['loader']} did not run: {entry['reason']}")
    if given.json:
        write_json(
            given.json,
            command=command_line("bench/levels.py", arguments),
            rows=rows,
            unavailable=unavailable,
            **{"levels-files": files, "levels-loss": losses},
        )
    if given.plot:
        title = "Loading with levels costs what the batch costs, not what the source costs"
        line_chart(
            given.plot, panels(rows), title=title, x="longer side of the sources, px", y="images/s"
        )
    return 0


if __name__ == "__main__":
    run_command(main)
