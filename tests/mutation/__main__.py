"""python -m tests.mutation MODULE ...: do a module's tests notice mistakes in it?

Makes mistakes in a module, one at a time, and runs the module's tests on each. Prints the mistakes
that no test noticed and that equivalent.py does not explain; ends with 1 if there are any.

    python -m tests.mutation pipeline/plan.py
    python -m tests.mutation all --sample 40 --seed 1
    python -m tests.mutation pipeline/plan.py --to survivors.json
    python -m tests.mutation pipeline/plan.py --again survivors.json
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.mutation.campaign import BadTests, Report, run_campaign
from tests.mutation.equivalent import explained
from tests.mutation.subjects import TESTS, subject
from tests.mutation.trial import import_heavy


def main() -> int:
    """Reads the command line; see the module."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "modules", nargs="+", metavar="MODULE", choices=[*TESTS, "all"], help="a path, or all"
    )
    parser.add_argument("--sample", type=int, default=0, help="mutants of each module; 0: all")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--to", type=Path, help="a file for the survivors")
    parser.add_argument("--again", type=Path, help="such a file: only these mutants")
    arguments = parser.parse_args()
    modules = list(TESTS) if "all" in arguments.modules else arguments.modules
    again = json.loads(arguments.again.read_text()) if arguments.again else None
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # clears away
    os.environ.update(OMP_NUM_THREADS="1", PYTHONHASHSEED="0")
    import_heavy()
    survivors: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="headrace-mutation-") as folder:
        for module in modules:
            reasons = explained(module)
            try:
                report = run_campaign(
                    subject(module),
                    Path(folder),
                    explained=reasons,
                    known=tuple(reasons),
                    sample=arguments.sample,
                    seed=arguments.seed,
                    only=None if again is None else again.get(module, []),
                    survivor=lambda change: print(f"    survived  {change}", flush=True),
                )
            except BadTests as error:
                print(error)
                return 2
            print(_line(module, report), flush=True)
            survivors[module] = report.survived
            if arguments.to:
                arguments.to.write_text(json.dumps(survivors, indent=1) + "\n")
    return 1 if any(survivors.values()) else 0


def _line(module: str, report: Report) -> str:
    lines = [f"    no such mutant any more: {change}" for change in report.stale]
    lines += [f"    reached by no test  {change}" for change in report.unreached]
    of = f" of {report.made}" if report.tried < report.made else ""
    lines.append(
        f"{module}: {report.tried}{of} mutants, {len(report.killed)} killed, "
        f"{len(report.explained)} explained, {len(report.survived)} survived"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
