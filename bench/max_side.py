#!/usr/bin/env python3
"""Which --max-side to pack with: space, speed, and what training crops lose.

    bench/max_side.py PHOTOS [--max-side 192 256 320 384 512 0] [--size 128 224] [--json F]

Each side is packed and loaded by the native loader. The loss is the PSNR of random crops (8 to
100% of the area, one an image) that are cut from the packed image against the same crops cut from
the original file, both resized by PIL; the median over images, and the lowest tenth.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from headrace.bench.core.flag_values import OutFile, check_seconds, parse_bench
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import table
from headrace.bench.studies.max_side import COLUMNS, measure, pack_at
from headrace.pipeline.command_line import run_command
from headrace.pipeline.flags import check_least


@dataclass(frozen=True, kw_only=True)
class MaxSideSettings:
    """Which --max-side to pack with: space, speed, and what training crops lose."""

    photos: Annotated[Path, Positional, arg(metavar="PHOTOS")]
    """Folder of images."""
    max_side: Annotated[tuple[int, ...], arg(metavar="PX ...")] = (192, 256, 320, 384, 512, 0)
    """Longer sides to pack at; 0: as large as the images are."""
    size: Annotated[tuple[int, ...], arg(metavar="PX ...")] = (128, 224)
    """Side of the crops."""
    repeats: Annotated[int, arg(metavar="N")] = 5
    """Measured runs of each."""
    min_seconds: Annotated[float, arg(metavar="S")] = 1.0
    """Of a run, at least."""
    json: OutFile = None
    """Write the results there."""

    def __post_init__(self) -> None:
        check_least(self, 0, "max_side")
        check_least(self, 1, "size", "repeats")
        check_seconds("--min-seconds", self.min_seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse_bench(MaxSideSettings, "bench max-side", arguments)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as scratch:
        packed = {side: pack_at(given.photos, Path(scratch), side) for side in given.max_side}
        for size in given.size:
            rows += measure(given.photos, packed, size, given.repeats, given.min_seconds)
    print(table(rows, COLUMNS))
    if given.json:
        write_json(given.json, command=command_line("bench/max_side.py", arguments), rows=rows)
    return 0


if __name__ == "__main__":
    run_command(main)
