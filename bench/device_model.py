#!/usr/bin/env python3
"""What device code asks of a GPU, told without one: kernels, bytes, memory, copies and waits.

    bench/device_model.py
    bench/device_model.py --functions resident,'recipe report' --eager
    bench/device_model.py --json bench/results/device-model.json

Every function of this project that runs on the device is called on simulated tensors and counted,
operator by operator; for recipes and the resident loader's warp the compiler is asked for its plan
too. It is a model: no time comes out of it, and no GPU is needed.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from headrace.bench.core.flag_values import names, parse_bench
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import table
from headrace.bench.modelling.device_functions import FUNCTIONS, SIZES
from headrace.bench.modelling.model_rows import COLUMNS, rows_of
from headrace.pipeline.command_line import run_command
from headrace.pipeline.flags import Flag


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What device code asks of a GPU, told without one."""

    functions: Annotated[tuple[str, ...], arg(metavar="NAME ...")] = ("all",)
    """Which functions, by the names in the table."""
    eager: Flag = False
    """Leave the compiler out, which takes most of the time."""
    json: Annotated[Path | None, arg(metavar="F", help_behavior_hint="")] = None
    """Write the rows into a file too."""

    def __post_init__(self) -> None:
        self.chosen()  # refuses unknown names

    def chosen(self) -> list[str]:
        """The functions to count."""
        return names(self.functions, tuple(FUNCTIONS), "--functions")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse_bench(ModelSettings, "bench device-model", arguments)
    rows = []
    for size in SIZES:
        print(f"{size}, stored at {size.stored} px")
        found = list(rows_of(size, given.chosen(), compiled=not given.eager))
        print(table(found, COLUMNS), end="\n\n", flush=True)
        rows += found
    if given.json:
        write_json(given.json, command=command_line("bench/device_model.py", arguments), rows=rows)
    return 0


if __name__ == "__main__":
    run_command(main)
