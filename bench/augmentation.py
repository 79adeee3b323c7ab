#!/usr/bin/env python3
"""Images per second of augmentation: ours, torchvision's, Kornia's, on the same batch.

    bench/augmentation.py                                  the recipes, batch 128, 128 px
    bench/augmentation.py --work recipes stages --batch-size 32 128 512 --size 32 128 224 \\
        --compile --json results.json --plot results.png

A batch of bytes goes in, a normalised float batch comes out, as in training. What runs per sample
runs in one process per core, each on its share, as DataLoader workers would, and the hand-over of
the images is not counted. Entries that draw once for a whole batch do less work and say so.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tyro.conf import arg

from headrace.bench.augmenting.compare_engines import (
    COLUMNS,
    Settings,
    bars_reached,
    measure,
    panels,
)
from headrace.bench.augmenting.works import WORK, Work
from headrace.bench.core.bar_chart import bar_chart
from headrace.bench.core.flag_values import OutFile, check_seconds, names, parse_bench
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import table
from headrace.pipeline.command_line import run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, check_given, check_least
from headrace.pipeline.quiet import note


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """Images per second of augmentation: ours, torchvision's, Kornia's, on the same batch."""

    work: Annotated[
        tuple[str, ...],
        arg(metavar="W ...", help=f"Of recipes, stages, {', '.join(work.name for work in WORK)}."),
    ] = ("recipes",)
    batch_size: Annotated[tuple[int, ...], arg(metavar="N ...")] = (128,)
    """Images."""
    size: Annotated[tuple[int, ...], arg(metavar="PX ...")] = (128,)
    """Their side."""
    repeats: Annotated[int, arg(metavar="N")] = 7
    """Measured runs of each."""
    min_seconds: Annotated[float, arg(metavar="S")] = 0.5
    """Of a run, at least."""
    compile: Flag = False
    """Also the compiled path, ours and Kornia's; takes minutes to compile."""
    json: OutFile = None
    """Write the results there."""
    plot: OutFile = None
    """Draw them there, PNG."""

    def __post_init__(self) -> None:
        check_least(self, 1, "batch_size", "size", "repeats")
        check_given(self, "work")
        check_seconds("--min-seconds", self.min_seconds)
        _chosen(self.work)  # refuses unknown names
        if self.plot is not None and self.plot.suffix != ".png":
            raise ConfigError(f"--plot {self.plot}: expected a name that ends in .png")


def _chosen(given: Sequence[str]) -> list[Work]:
    groups = {
        "recipes": [work.name for work in WORK if not work.stage],
        "stages": [work.name for work in WORK if work.stage],
    }
    words = [name for word in given for name in groups.get(word, [word])]
    wanted = names(words, [work.name for work in WORK], "--work")
    return [work for work in WORK if work.name in wanted]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse_bench(AugmentationSettings, "bench augmentation", arguments)
    settings = Settings(repeats=given.repeats, min_s=given.min_seconds, compile=given.compile)
    rows: list[dict[str, Any]] = []
    for work in _chosen(given.work):
        for batch in given.batch_size:
            for size in given.size:
                rows += measure(work, batch, size, settings)
                note(f"measured {work.name}, batch {batch}, {size} px")
    print(table(rows, COLUMNS))
    reached = bars_reached(rows)
    for bar in reached:
        word = "reached" if bar["reached"] else "MISSED"
        print(
            f"{bar['work']} against {bar['against']}: {bar['measured']:.2f}, "
            f"bar {bar['at_least']:g}: {word}"
        )
    if given.json:
        command = command_line("bench/augmentation.py", arguments)
        write_json(given.json, command=command, rows=rows, bars=reached)
    if given.plot:
        bar_chart(given.plot, panels(rows), title="Augmenting batches", unit="images/s")
    return 0


if __name__ == "__main__":
    run_command(main)
