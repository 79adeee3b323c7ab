"""The process that opens damaged files: whatever kills it is a finding of the one that watches it.

    python -m tests.fuzz.child FOLDER LOADERS

It reads a case a line from its input, and answers each with a line of JSON. More CPU time than a
case may take ends it by SIGPROF; more address space is an error of the case.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path

from tests.fuzz.bases import BETONS
from tests.fuzz.cases import remove_case, write_case
from tests.fuzz.damage import Damage, from_text
from tests.fuzz.oracle import judge

CPU_SECONDS = 5
MEMORY_BYTES = 64 << 20


def main() -> None:
    """Answers cases until its input ends."""
    folder, loaders = Path(sys.argv[1]), sys.argv[2].split(",")
    # Libraries write where they like; what is answered has a descriptor of its own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    out = folder / f"case-{os.getpid()}"
    for _ in range(2):  # so that all is loaded, and as much memory taken as sound files need
        for base in (*BETONS, "shards"):
            sound = Damage(base=base, edits=[], resum=False)
            found = _answer(sound, folder, out, loaders)
            assert found == {"kind": "loads", "findings": []}, (base, found)
    room = _status("VmPeak:") - _status("VmSize:") + MEMORY_BYTES
    if "ffcv" in loaders:  # each of which compiles anew, and keeps the code
        room = 1 << 40
    answers.write("ready\n")
    for line in sys.stdin:
        # Beyond what there is now: over thousands of cases allocators keep a little more each.
        limit = _status("VmSize:") + room
        answers.write(json.dumps(_answer(from_text(line), folder, out, loaders, limit)) + "\n")


def _answer(
    damage: Damage, folder: Path, out: Path, loaders: list[str], limit: int = resource.RLIM_INFINITY
) -> dict:
    """What becomes of a case.

    Args:
        limit: of the address space, while the damaged files are read.
    """
    write_case(damage, folder, out)
    before = _resident()
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS if limit > 0 else 0)
        verdict = judge(damage, out, folder / damage.base, loaders)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        remove_case(out)
    grown = _resident(peak=True) - before
    more = [f"takes {grown >> 20} MiB"] if limit > 0 and grown > MEMORY_BYTES else []
    return {"kind": verdict.kind, "findings": verdict.findings + more}


def _resident(*, peak: bool = False) -> int:
    """Bytes in memory; the peak is that since the last call without it."""
    if not peak:
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmHWM:" if peak else "VmRSS:")


def _status(word: str) -> int:
    """Bytes that the kernel counts under a word."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(word)]
    return int(line.split()[1]) << 10


if __name__ == "__main__":
    main()
