"""The process of one part of a section: `-m headrace.bench.device.child SECTION PART JOB PARENT`.

Results go to stdout, one JSON a line; whatever else is printed goes to stderr.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time

from headrace.bench.device.job import Job
from headrace.bench.device.sections import module_of
from headrace.pipeline.errors import HeadraceError
from headrace.pipeline.wording import one_line


def main(section: str, part: str, text: str, parent: str) -> None:
    """Runs the part; a HeadraceError is what is missing here, anything else ends the process."""
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print, from C too

    def tell(row: dict[str, object]) -> None:
        results.write(json.dumps(row) + "\n")
        results.flush()

    try:
        for row in module_of(section).run(part, Job.from_text(text)):
            tell(row)
    except HeadraceError as error:
        tell({"what": part, "missing": one_line(error)})


def _end_with(parent: int) -> None:
    """Ends this process and all that it has started once its parent is gone, however that went."""
    while os.getppid() == parent:
        time.sleep(1)
    if hasattr(os, "killpg"):
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
