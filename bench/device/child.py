"""The process of one part of a section: `python -m headrace.bench.device.child SECTION PART JOB`.

Results go to stdout, one JSON a line; whatever else is printed goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys

from headrace.bench.device.job import Job
from headrace.bench.device.sections import module_of
from headrace.pipeline.errors import HeadraceError


def main(section: str, part: str, text: str) -> None:
    """Runs the part; a HeadraceError is what is missing here, anything else ends the process."""
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print, from C too

    def tell(row: dict[str, object]) -> None:
        results.write(json.dumps(row) + "\n")
        results.flush()

    try:
        for row in module_of(section).run(part, Job.from_text(text)):
            tell(row)
    except HeadraceError as error:
        tell({"what": part, "missing": " ".join(str(error).split())})


if __name__ == "__main__":
    main(*sys.argv[1:])
