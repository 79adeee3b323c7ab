"""What every benchmark measures with: spread, interleaved repeats, machine, versions, memory, CPU.

times = interleaved({"a": run_a, "b": run_b}, repeats=5)    # a b a b a b ...
spread([1.0, 1.1, 0.9]).median                              # and .iqr, .count
with PeakMemory() as memory: ...                            # memory.rss_mb, memory.private_mb
before = cpu_seconds(); ...; cpu_percent(cpu_seconds() - before, elapsed_s)
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import psutil

from headrace.pipeline.cores import available_cores

T = TypeVar("T")
MB = 1e6
PACKAGES = (
    "headrace",
    "torch",
    "torchvision",
    "numpy",
    "pillow",
    "simplejpeg",
    "numba",
    "ffcv",
    "nvidia-dali-cuda120",
    "nvidia-nvimgcodec-cu12",
    "kornia",
    "timm",
    "webdataset",
    "litdata",
    "spdl",
    "opencv-python-headless",
)
"""Distributions whose versions a result records, where they are installed."""


@dataclass(frozen=True)
class Spread:
    """Median of repeated measurements, and how far apart the middle half of them lies."""

    median: float
    iqr: float
    count: int


def spread(values: Iterable[float]) -> Spread:
    """Median and interquartile range (linear interpolation; 0 for a single value).

    Raises:
        ValueError: if there are no values.
    """
    array = np.asarray(list(values), np.float64)
    if not array.size:
        raise ValueError("no measurements to take the median of")
    low, middle, high = np.percentile(array, (25, 50, 75))
    return Spread(float(middle), float(high - low), int(array.size))


def interleaved(runs: Mapping[str, Callable[[], T]], repeats: int) -> dict[str, list[T]]:
    """Calls all runs in turn, `repeats` times over, so that a slow spell of the machine hits all.

    Every run should have warmed up before. Returns each run's results in order.
    """
    results: dict[str, list[T]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            results[name].append(run())
    return results


def hardware() -> dict[str, Any]:
    """CPU model, cores that this process may use, memory in GB, GPUs; nothing that names the host.

    GPUs are listed only if CUDA is in use already: asking would initialise it.
    """
    info: dict[str, Any] = {
        "cpu": _cpu_model(),
        "cores": available_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }
    import torch

    if torch.cuda.is_initialized():
        info["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return info


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def command_line(program: str, arguments: Sequence[str]) -> str:
    """The command as it is recorded: paths lose their directories, which are nobody's business.

    >>> command_line("bench/throughput.py", ["--data", "/home/me/food.beton", "--json=/tmp/a.json"])
    'bench/throughput.py --data food.beton --json=a.json'
    """
    words = []
    for argument in arguments:
        option, equals, value = argument.partition("=") if argument[:1] == "-" else ("", "", "")
        path = value if equals else argument
        if "/" in path or os.sep in path:
            path = Path(path).name
        words.append(option + equals + path if equals else path)
    return " ".join([program, *words])


def cpu_seconds(pid: int | None = None) -> float:
    """User and system time, s, that a process and its children, ended ones too, have used."""
    root = psutil.Process(pid)
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
