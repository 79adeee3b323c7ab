#!/usr/bin/env python3
"""Fills the tables of README.md and docs/ from the results in bench/results.

    bench/document.py            after a benchmark has written its JSON there
    bench/document.py --picture  draws its picture anew, too (bench/loading/front_picture.py)

A table stands between `<!-- table KIND FILE [key=value] -->` and `<!-- end -->`; the command that
made the file is put above it. KIND is one of TABLES and shows the file's section of that name, else
its rows; key=value keeps the rows that have it.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.bench import accuracy, distillation, generative
from headrace.bench.augmenting import compare_engines
from headrace.bench.core.tables import Column, markdown
from headrace.bench.device import result
from headrace.bench.end_to_end import compare_loaders, compare_trainers, reach_accuracy
from headrace.bench.loading import (
    front_picture,
    level_points,
    scaling_points,
    throughput_report,
)
from headrace.bench.modelling import model_rows
from headrace.bench.packers import compare_packers
from headrace.bench.studies import (
    jpeg_decoders,
    loaders_apart,
    max_side,
    paired_runs,
    raw_yuv420,
    small_images,
    transfer,
)
from headrace.pipeline.command_line import run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{name}.md"
        for name in ("benchmarks", "generative", "gpu", "images", "levels")
    ),
)
RESULTS = ROOT / "bench" / "results"
PICTURES = ROOT / "docs" / "img"
_BLOCK = re.compile(
    r"(?m)^<!-- table (\S+) (\S+)((?: \S+=\S+)*) -->\n(?:.*?\n)??<!-- end -->$", re.S
)

OURS, PEER, CEILING = range(3)

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class DocumentSettings:
    """Fills the tables of README.md and docs/ from the results in bench/results."""

    picture: bool = False
    """Draw README's picture of them anew, too, in docs/img."""


def main() -> int:
    """Command line; see the module's text."""
    given = parse(DocumentSettings, "bench/document.py")
    for path in DOCUMENTS:
        path.write_text(fill(path.read_text()))
    if given.picture:
        front_picture.draw(PICTURES, RESULTS)
    return 0


def fill(text: str, results: Path = RESULTS) -> str:
    """A document with its tables made anew.

    Raises:
        ConfigError: for a kind of table or a result file that does not exist.
    """

    def made(match: re.Match[str]) -> str:
        kind, name, conditions = match[1], match[2], match[3].split()
        path = results / name
        if kind not in TABLES or not path.is_file():
            raise ConfigError(f"table {kind} {name}: no such kind of table or no {path}")
        document = json.loads(path.read_text())
        wanted = [condition.split("=", 1) for condition in conditions]
        section = document.get(kind) or document["rows"]
        rows = [row for row in section if all(str(row.get(k)) == v for k, v in wanted)]
        opening = match[0].splitlines()[0]
        return f"{opening}\n`{document['command']}`\n\n{TABLES[kind](rows)}\n<!-- end -->"

    return _BLOCK.sub(made, text)


def _by_loader(cell: Callable[[Mapping[str, Any]], str | None]) -> Callable[[Rows], str]:
    """A table with a line for each loader and a column for each set of images and size."""

    def made(rows: Rows) -> str:
        shown = [(row, text) for row in rows if (text := cell(row)) is not None]
        places = list(dict.fromkeys(_place(row) for row, _ in shown))
        names = sorted(dict.fromkeys(row["loader"] for row, _ in shown), key=_group)
        found = {(row["loader"], _place(row)): text for row, text in shown}
        lines = [
            {"loader": name, **{place: found.get((name, place)) for place in places}}
            for name in names
        ]
        columns = [Column("loader"), *(Column(place, place) for place in places)]
        return markdown(lines, columns)

    return made


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['records']}, {row['size']} px"


def _group(name: str) -> int:
    return OURS if ":" not in name else PEER if name.startswith("peer:") else CEILING


def _speed(row: Mapping[str, Any]) -> str | None:
    if _group(row["loader"]) == CEILING:
        return None
    ratio = f" ({row['ratio']:.1f}x)" if row.get("ratio") else ""
    return f"{row['images_per_s']:,.0f}{ratio}"


def _ceiling(row: Mapping[str, Any]) -> str | None:
    return f"{row['images_per_s']:,.0f}" if _group(row["loader"]) == CEILING else None


def _first_batch(row: Mapping[str, Any]) -> str | None:
    return None if row["first_batch_s"] is None else f"{row['first_batch_s']:.2f}"


def _share(row: Mapping[str, Any]) -> str | None:
    return None if row["ceiling_share"] is None else f"{row['ceiling_share']:.0%}"


def _listed(columns: Sequence[Column]) -> Callable[[Rows], str]:
    return lambda rows: markdown(rows, columns)


TABLES: dict[str, Callable[[Rows], str]] = {
    "speed": _by_loader(_speed),
    "ceilings": _by_loader(_ceiling),
    "first-batch": _by_loader(_first_batch),
    "ceiling-share": _by_loader(_share),
    "memory": _listed(throughput_report.MEMORY_COLUMNS),
    "augmentation": _listed(compare_engines.COLUMNS),
    "packing": _listed(compare_packers.COLUMNS),
    "planar": _listed(raw_yuv420.COLUMNS),
    "scaling": _listed(scaling_points.SPEED_COLUMNS),
    "opening": _listed(scaling_points.OPEN_COLUMNS),
    "sides": _listed(max_side.COLUMNS),
    "small": _listed(small_images.COLUMNS),
    "apart": _listed(loaders_apart.COLUMNS),
    "decoders": jpeg_decoders.pixels_table,
    "decoders-speed": _listed(jpeg_decoders.SPEED_COLUMNS),
    "gpu": _listed(result.COLUMNS),
    "levels": _listed(level_points.SPEED_COLUMNS),
    "levels-files": _listed(level_points.FILE_COLUMNS),
    "levels-loss": _listed(level_points.LOSS_COLUMNS),
    "paired": _listed(paired_runs.COLUMNS),
    "transfer": _listed(transfer.COLUMNS),
    "distillation": _listed(distillation.COLUMNS),
    "accuracy": _listed(accuracy.COLUMNS),
    "classifiers": _listed(generative.COLUMNS),
    "generators": _listed(generative.MADE),
    "training-loaders": _listed(compare_loaders.COLUMNS),
    "training-peers": _listed(compare_trainers.COLUMNS),
    "training-reach": _listed(reach_accuracy.COLUMNS),
    "device-model": _listed(model_rows.COLUMNS),
    "device-memory": model_rows.memory_table,
}


if __name__ == "__main__":
    run_command(main)
