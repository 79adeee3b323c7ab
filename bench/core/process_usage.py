"""Memory and CPU time of a process and its children.

with PeakMemory() as memory: ...                            # memory.rss_mb, memory.private_mb
before = cpu_seconds(); ...; cpu_percent(cpu_seconds() - before, elapsed_s)
wait_until_idle()                                           # before another process is timed
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from headrace.pipeline.cores import available_cores

MB = 1e6
LOOK_S = 0.1
IDLE_SHARE = 0.2
"""Of one core, between two looks: twice what the system's clock ticks of 10 ms can tell."""


def cpu_seconds() -> float:
    """User and system time, s, that this process and its children, ended ones too, have used."""
    root = psutil.Process()
    times = root.cpu_times()
    total = times.user + times.system
    total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    for child in root.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = child.cpu_times()
            total += times.user + times.system
    return total


def cpu_percent(cpu_s: float, elapsed_s: float) -> float:
    """Share of all available cores that was busy, in percent."""
    return 100 * cpu_s / (elapsed_s * available_cores())


def wait_until_idle(most_s: float = 10.0) -> bool:
    """Waits until this process and its children have stopped computing.

    What reads ahead goes on after the last batch has been taken; whoever is timed next would have
    to share the cores with it.

    Args:
        most_s: to wait, s.

    Returns:
        Whether it has become idle.
    """
    end = time.perf_counter() + most_s
    before = cpu_seconds()
    while time.perf_counter() < end:
        time.sleep(LOOK_S)
        now = cpu_seconds()
        if now - before <= IDLE_SHARE * LOOK_S:
            return True
        before = now
    return False


@dataclass(frozen=True)
class Memory:
    """Resident memory of a process and its children, in MB (10^6 bytes).

    Attributes:
        rss_mb: everything resident, mapped files included; pages that processes share count in
            each of them.
        private_mb: without mapped files, whose pages the system takes back at will (equal to
            `rss_mb` where the system does not tell them apart).
    """

    rss_mb: float
    private_mb: float


def memory_now(pid: int | None = None) -> Memory:
    """Memory of a process (this one by default) and its children now."""
    rss = private = 0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            resident = process.memory_info().rss
            rss += resident
            private += resident - _mapped_bytes(process.pid)
    return Memory(rss / MB, private / MB)


def _mapped_bytes(pid: int) -> int:
    """Resident bytes of mapped files; Linux only, 0 elsewhere."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssFile:"):
                return int(line.split()[1]) * 1024
    return 0


class PeakMemory:
    """Samples the memory of a process and its children in a thread while the block runs.

    Args:
        pid: the process, this one by default.
        interval_s: between samples; a peak shorter than that may be missed.

    Attributes:
        rss_mb, private_mb: highest values seen so far, as in `Memory`.
    """

    def __init__(self, pid: int | None = None, interval_s: float = 0.1) -> None:
        self.rss_mb = 0.0
        self.private_mb = 0.0
        self._pid = pid
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    def _watch(self) -> None:
        self._sample()
        while not self._stop.wait(self._interval_s):
            self._sample()

    def _sample(self) -> None:
        with contextlib.suppress(psutil.Error):  # the process may have ended
            now = memory_now(self._pid)
            self.rss_mb = max(self.rss_mb, now.rss_mb)
            self.private_mb = max(self.private_mb, now.private_mb)
