"""Loaders that live long and often, and what they leave of threads, descriptors, maps and memory.

    python -m tests.promises.many_lives FILE.beton LOADER EPOCHS BREAKS OPENINGS

Prints a line `LEFT {json}`: how much more there is at the end than after a first, short life.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from headrace.bench.core.process_usage import memory_now
from headrace.pipeline.loader import open_loader

LATE_THREADS = 2
"""Threads that a library's pool may start late, once."""
SETTINGS = {"size": 24, "batch_size": 5, "workers": 2}


@dataclass(frozen=True, kw_only=True)
class Owned:
    """What a process has.

    Attributes:
        threads, descriptors, children: of it.
        file_maps: maps of the record file.
        maps: all of them; allocators come and go with a few.
        private_mb: memory without mapped files.
    """

    threads: int
    descriptors: int
    children: int
    file_maps: int
    maps: int
    private_mb: float

    def beyond(self, other: Owned) -> Owned:
        """How much more than another."""
        return Owned(**{name: getattr(self, name) - getattr(other, name) for name in asdict(self)})


def owned(path: Path) -> Owned:
    """What this process has now, once garbage is collected."""
    gc.collect()
    process, maps = psutil.Process(), Path("/proc/self/maps").read_text().splitlines()
    return Owned(
        threads=process.num_threads(),
        descriptors=process.num_fds(),
        children=len(process.children(recursive=True)),
        file_maps=sum(line.endswith(str(path)) for line in maps),
        maps=len(maps),
        private_mb=memory_now().private_mb,
    )


def live(path: Path, name: str, *, epochs: int, breaks: int, openings: int) -> None:
    """Whole epochs and such as are left after two batches by one loader, then loaders anew."""
    with open_loader(path, loader=name, **SETTINGS) as loader:  # type: ignore[arg-type]
        for epoch in range(epochs):
            assert sum(len(batch.labels) for batch in loader.epoch(epoch)) > 0
        for epoch in range(breaks):
            for step, _ in enumerate(loader.epoch(epoch)):
                if step == 1:
                    break
    for epoch in range(openings):
        with open_loader(path, loader=name, **SETTINGS) as loader:  # type: ignore[arg-type]
            next(loader.epoch(epoch))


def settled(path: Path, before: Owned) -> Owned:
    """What there is beyond `before`, once threads that are told to end have had time to."""
    for _ in range(1000):
        left = owned(path).beyond(before)
        more = left.threads - LATE_THREADS, left.descriptors, left.children, left.file_maps
        if max(more) <= 0:
            break
        time.sleep(0.05)
    return left


def main() -> None:
    path, name = Path(sys.argv[1]), sys.argv[2]
    epochs, breaks, openings = map(int, sys.argv[3:6])
    live(path, name, epochs=10, breaks=10, openings=2)
    before = owned(path)
    live(path, name, epochs=epochs, breaks=breaks, openings=openings)
    print("LEFT", json.dumps(asdict(settled(path, before))), flush=True)


if __name__ == "__main__":
    main()
