"""python -m tests.fuzz COUNT: damaged record files, as many as asked for, through the loaders.

Prints what must not be, with the case that repeats it, and ends with 1 if there is anything.

    python -m tests.fuzz 10000 --seed 3
    python -m tests.fuzz 200 --loader ffcv
    python -m tests.fuzz --case '{"base": "levels", "edits": [["cut by", 8]], "resum": true}'
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.builders import available_loaders
from tests.fuzz.bases import make_bases
from tests.fuzz.campaign import Report, run_cases
from tests.fuzz.damage import Damage, from_text, to_text
from tests.fuzz.strategies import drawn

EVERY = 1000
QUICK = ("native", "torchvision", "resident")
SHARED_MEMORY = Path("/dev/shm")


def main() -> int:
    """Reads the command line; see the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=500, help="cases")
    parser.add_argument("--seed", type=int, default=0, help="of the first; see strategies.py")
    parser.add_argument(
        "--loader",
        default="quick",
        help=f"names, commas between them; quick: {', '.join(QUICK)}; all: what is installed",
    )
    parser.add_argument("--case", help="a case that was printed, instead of drawn ones")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # clears away
    special = {"quick": list(QUICK), "all": available_loaders()}
    loaders = special.get(arguments.loader) or arguments.loader.split(",")
    if arguments.case:
        cases: Iterator[Damage] = iter([from_text(arguments.case)])
    else:
        cases = draw(arguments.count, arguments.seed)
    # In memory where that can be had: each case is a file of some MB.
    place = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="headrace-fuzz-", dir=place) as folder:
        make_bases(Path(folder))
        report = run_cases(cases, Path(folder), loaders, _say, _say_how_far)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(report.kinds.items()))
    print(f"{sum(report.kinds.values())} cases by {', '.join(loaders)}: {counts or 'none'}")
    print(f"{len(report.findings)} findings")
    return 1 if report.findings else 0


def draw(count: int, seed: int) -> Iterator[Damage]:
    """So many cases, from a seed's on; each seed gives up to a hundred."""
    while count > 0:
        cases = drawn(seed)[:count]
        yield from cases
        count, seed = count - len(cases), seed + 1


def _say(damage: Damage, finding: str) -> None:
    print(f"{finding}\n    --case '{to_text(damage)}'", flush=True)


def _say_how_far(report: Report) -> None:
    count = sum(report.kinds.values())
    if count % EVERY == 0:
        print(f"{count} cases so far, {len(report.findings)} findings", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
