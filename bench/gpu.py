#!/usr/bin/env python3
"""Asks a GPU what only it can tell: does all of this work on it, and how fast.

    bench/gpu.py --out gpu                            a small set drawn for the purpose
    bench/gpu.py --data food11.beton --out gpu --budget 540
    bench/gpu.py --data food11.beton --out gpu --sections environment,tests,decoders
    bench/gpu.py --device cpu --quick --out gpu       whether the command itself works

Sections run one after the other, their parts each in a process of its own with a limit, so that a
crash or a hang of one leaves the others. gpu.json and gpu.md in --out are written as results come.
What is missing here, a package or the GPU, is said and passed over.
"""

import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from headrace.bench.core.flag_values import check_out, check_seconds, names
from headrace.bench.core.result_file import command_line
from headrace.bench.device.job import Job
from headrace.bench.device.part_process import run_part
from headrace.bench.device.result import Result
from headrace.bench.device.sections import SECTIONS, module_of
from headrace.bench.end_to_end.long_epochs import resident_turns
from headrace.bench.loading.image_forms import ImageForms
from headrace.bench.loading.image_sets import packed_image_set
from headrace.bench.loading.repeat_records import repeat_records
from headrace.pipeline.command_line import EXIT_FAILED, called, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.device import resolve_device
from headrace.pipeline.flags import Flag, check_least, parse
from headrace.pipeline.quiet import note

LONG_EPOCH = 16384
"""Images of an epoch that is timed, at least."""
_LEAST_S = 3.0  # with less left of the budget a part is not begun


@dataclass(frozen=True, kw_only=True)
class GpuSettings:
    """Asks a GPU what only it can tell: does all of this work on it, and how fast."""

    out: Annotated[Path, arg(metavar="DIR", help_behavior_hint="")] = Path("gpu")
    """Gets gpu.json, gpu.md and the logs (default: gpu)."""
    data: Annotated[Path | None, arg(metavar="F", help_behavior_hint="")] = None
    """A .beton file; without one a small sample is drawn."""
    split: Annotated[str, arg(metavar="NAME")] = "train"
    """Whose samples are loaded."""
    sections: Annotated[
        tuple[str, ...], arg(metavar="S ...", help=f"Of {', '.join(SECTIONS)}; run as given.")
    ] = ("all",)
    device: str = "auto"
    """Where it all runs: auto, cuda, cuda:N, or cpu to try the command itself."""
    quick: Flag = False
    """The smallest form of everything."""
    budget: Annotated[float, arg(metavar="S")] = 540
    """Seconds for all; what does not fit is said."""
    workers: Annotated[int, arg(metavar="N")] = field(default_factory=available_cores)
    """Threads or processes of each loader."""
    scratch: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """For temporary files."""

    def __post_init__(self) -> None:
        check_out(self.out)
        check_least(self, 1, "workers")
        check_seconds("--budget", self.budget)
        self.chosen()  # refuses unknown names

    def chosen(self) -> list[str]:
        """The sections to run."""
        return names(self.sections, tuple(SECTIONS), "--sections")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    began = time.perf_counter()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse(GpuSettings, called("bench gpu"), arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    result = Result(given.out, command_line("bench/gpu.py", arguments))
    with tempfile.TemporaryDirectory(prefix="headrace-gpu-", dir=given.scratch) as scratch:
        job = _job(given, Path(scratch))
        for section in given.chosen():
            _run_section(section, job, given, result, began + given.budget)
    result.finish()
    failed = sum(row.get("ok") is False for row in result.rows)
    missing = sum("missing" in row for row in result.rows)
    print(f"{len(result.rows)} results, {failed} failed, {missing} missing: {given.out}/gpu.md")
    return EXIT_FAILED if failed else 0


def _job(given: GpuSettings, scratch: Path) -> Job:
    """What the sections are told; the images are made where none are given."""
    device = str(resolve_device(given.device, "--device"))
    data, forms = given.data, ImageForms(scratch)
    if data is None:
        note("no --data: drawing a small sample data set")
        data = forms.pack(forms.sample(available_cores()))
    image_set = packed_image_set(data, given.split, 0)
    at_most = resident_turns(data, image_set.split, image_set.images)

    def repeated(name: str, turns: int) -> str:
        out = scratch / f"{name}-{data.name}"
        count = image_set.images * (1 if given.quick else turns)
        return str(repeat_records(data, out, split=image_set.split, count=count))

    turns = -(-LONG_EPOCH // image_set.images)
    return Job(
        device=device,
        data=repeated("long", turns),
        resident_data=repeated("resident", min(turns, at_most)),
        quick=given.quick,
        workers=given.workers,
        scratch=str(scratch),
    )


def _run_section(name: str, job: Job, given: GpuSettings, result: Result, deadline: float) -> None:
    section = SECTIONS[name]

    def run(part: str) -> None:
        left = deadline - time.perf_counter()
        if left < _LEAST_S:
            reason = f"not run: the budget of {given.budget:.0f} s is spent"
            result.add(name, {"what": part, "missing": reason})
            return
        log = given.out / f"{name}-{part.replace('/', '_')}.log"
        run_part(name, part, job, min(section.limit_s, left), log, partial(result.add, name))

    waiting = deque(module_of(name).parts(job))

    def run_all() -> None:
        with suppress(IndexError):
            while True:
                run(waiting.popleft())

    # Daemons: Ctrl-C ends this process at once, and with it those of the parts.
    threads = [threading.Thread(target=run_all, daemon=True) for _ in range(section.at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    run_command(main)
