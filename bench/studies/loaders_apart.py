#!/usr/bin/env python3
"""How far are the loaders apart on photos? One level, but for the outermost pixels of dali.

Every loader loads the same plan; its images are held against those of the loader `torchvision`,
which are the reference's. Where it reduces an image, DALI's filter reaches beyond the crop and
takes the last pixel there once more; torch, PIL and our kernel leave those weights away. So its
outermost row and column differ, the more the stronger the reduction, and no other pixel does. The
numbers are in bench/results/apart.json.

    bench/studies/loaders_apart.py DATA [--loaders native dali] [--size 32 48 64 128 224] [--json F]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tyro.conf import Positional, arg

from headrace.bench.core.flag_values import OutFile
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table
from headrace.pipeline.command_line import run_command
from headrace.pipeline.flags import check_least, parse
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records

COLUMNS = (
    Column("loader"),
    Column("px", "size", "d"),
    Column("largest", "largest", "d"),
    Column("largest inside", "largest_inside", "d"),
    Column("largest mean", "largest_mean", ".2f"),
    Column("images above 8", "above_8", "d"),
    Column("images", "images", "d"),
)


@dataclass(frozen=True, kw_only=True)
class ApartSettings:
    """How far loaders are from the reference, in levels of 255."""

    data: Annotated[Path, Positional, arg(metavar="DATA")]
    """Packed images."""
    loaders: Annotated[tuple[str, ...], arg(metavar="NAME ...")] = ("native", "resident", "dali")
    """Loaders to compare with the torchvision one."""
    size: Annotated[tuple[int, ...], arg(metavar="PX ...")] = (32, 48, 64, 128, 224)
    """Sides of the images."""
    json: OutFile = None
    """Write the results there."""

    def __post_init__(self) -> None:
        check_least(self, 3, "size")


def measure(records: Records, loader: str, size: int) -> dict[str, Any]:
    """The row of a loader and a size: the middle of every image, as evaluation cuts it."""
    found, expected = (_images(records, name, size) for name in (loader, "torchvision"))
    apart = np.abs(found.astype(np.int16) - expected)
    of_each = apart.reshape(len(apart), -1)
    return {
        "loader": loader,
        "size": size,
        "largest": int(apart.max()),
        "largest_inside": int(apart[:, :, 1:-1, 1:-1].max()),
        "largest_mean": float(of_each.mean(axis=1).max()),
        "above_8": int((of_each.max(axis=1) > 8).sum()),
        "images": len(apart),
    }


def _images(records: Records, name: str, size: int) -> np.ndarray:
    """(N, 3, size, size) uint8."""
    with open_loader(records, loader=name, split=None, size=size, train=False) as loader:
        return np.concatenate([batch.images.cpu().numpy() for batch in loader.epoch(0)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse(ApartSettings, "bench/studies/loaders_apart.py", arguments)
    with Records.open(given.data) as records:
        rows = [measure(records, name, size) for name in given.loaders for size in given.size]
    print(table(rows, COLUMNS))
    if given.json:
        command = command_line("bench/studies/loaders_apart.py", arguments)
        write_json(given.json, command=command, rows=rows)
    return 0


if __name__ == "__main__":
    run_command(main)
