#!/usr/bin/env python3
"""Which --max-side to pack with: space, speed, and what training crops lose.

    bench/sides.py PHOTOS [--max-side 192 256 320 384 512 0] [--size 128 224] [--json F]

Each side is packed and loaded by the native loader. The loss is the PSNR of random crops (8 to
100% of the area, one an image) that are cut from the packed image against the same crops cut from
the original file, both resized by PIL; the median over images, and the lowest tenth.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace.bench.core import flag_values
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import table
from headrace.bench.studies.max_side import COLUMNS, measure, pack_at
from headrace.pipeline.command_line import Parser, called, run_command

SIDES = [192, 256, 320, 384, 512, 0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = Parser(prog=called("bench sides"), description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("photos", type=Path, help="folder of images")
    add("--max-side", type=flag_values.count, nargs="+", default=SIDES, metavar="PX")
    add("--size", type=flag_values.positive, nargs="+", default=[128, 224], metavar="PX")
    add("--repeats", type=flag_values.positive, default=5, metavar="N")
    add("--min-seconds", type=flag_values.seconds, default=1.0, metavar="S")
    add("--json", type=Path, metavar="F", help="write the results there")
    given = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as scratch:
        packed = {side: pack_at(given.photos, Path(scratch), side) for side in given.max_side}
        for size in given.size:
            rows += measure(given.photos, packed, size, given.repeats, given.min_seconds)
    print(table(rows, COLUMNS))
    if given.json:
        write_json(given.json, command=command_line("bench/sides.py", arguments), rows=rows)
    return 0


if __name__ == "__main__":
    run_command(main)
