#!/usr/bin/env python3
"""What weights of coarse classes are worth on fine ones, by each way of training from them.

    bench/transfer.py COARSE.beton FINE.beton [--json F]

Both files hold the same images, such as a grocery shelf's packed with two label columns. One run on
the coarse classes gives the weights; each way then trains on the fine ones for equally many epochs,
with several seeds, and one row from scratch also for those of the pretraining. Accuracy is on the
split `test`, of the epoch that is best on `val`. Seconds are of wall time and without the run on
the coarse classes, which has a row of its own; they compare on an idle machine alone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from headrace.bench.core.flag_values import OutFile, parse_bench
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import table
from headrace.bench.studies.transfer import COLUMNS, WAYS, Study
from headrace.pipeline.command_line import run_command
from headrace.pipeline.flags import check_least


@dataclass(frozen=True, kw_only=True)
class TransferSettings:
    """What weights of coarse classes are worth on fine ones, by each way of training from them."""

    coarse: Annotated[Path, Positional, arg(metavar="COARSE")]
    """Packed images with coarse classes, split into train, val and test."""
    fine: Annotated[Path, Positional, arg(metavar="FINE")]
    """The same images with fine classes."""
    model: str = "small-resnet"
    """As in training."""
    size: Annotated[int, arg(metavar="PX")] = 48
    """Side of the crops."""
    pretrain_epochs: Annotated[int, arg(metavar="N")] = 20
    """On the coarse classes."""
    epochs: Annotated[int, arg(metavar="N")] = 6
    """On the fine ones, of every way."""
    seeds: Annotated[int, arg(metavar="N")] = 3
    """Runs of each way."""
    json: OutFile = None
    """Write the results there."""

    def __post_init__(self) -> None:
        check_least(self, 1, "pretrain_epochs", "epochs", "seeds")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse_bench(TransferSettings, "bench transfer", arguments)
    settings = {
        "model": given.model, "size": given.size, "recipe": "flip", "batch_size": 64,
        "loader": "resident", "device": "cpu", "amp": "off", "compile": "off",
        "tensorboard": False, "report": False,
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as scratch:
        study = Study(
            coarse=given.coarse,
            fine=given.fine,
            folder=Path(scratch),
            settings=settings,
            pretrain_epochs=given.pretrain_epochs,
            epochs=given.epochs,
        )
        base, seconds = study.pretrain()
        print(f"coarse classes: {given.pretrain_epochs} epochs, {seconds:.0f} s", flush=True)
        pretraining = {"way": "(the pretraining)", "epochs": given.pretrain_epochs}
        rows = [{**pretraining, "seconds": seconds, "accuracy": None, "deviation": None}]
        for name in WAYS:
            rows.append(study.way(name, base, given.seeds))
            print(table(rows[-1:], COLUMNS).splitlines()[-1], flush=True)
            if given.json:  # after each, for a study that is cut short
                command = command_line("bench/transfer.py", arguments)
                write_json(given.json, command=command, rows=rows)
    print(table(rows, COLUMNS))
    return 0


if __name__ == "__main__":
    run_command(main)
