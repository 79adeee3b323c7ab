"""What a benchmark runs: a job says which loader on what, a source is that loader, opened.

Ours, the peers and the ceilings all become a `Source`, so that one piece of code measures them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from headrace.pipeline import open_loader

Reads = Literal["beton", "folder", "shards", "chunks"]
"""What a peer reads: our file, a tree of JPEGs in class folders, WebDataset shards, litdata's."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One loader on one set of images.

    Attributes:
        name: one of ours, `peer:...` or `ceiling:...`.
        path: of what it reads.
        split: of records; None for what has none.
        size: side of the images, px.
        repeat: how often the images occur in an epoch, for readers of files and shards.
    """

    name: str
    path: str
    split: str | None
    size: int
    batch_size: int
    workers: int
    crop_scale: tuple[float, float]
    device: str = "cpu"
    seed: int = 0
    repeat: int = 1


class Source(Protocol):
    """A loader as the benchmark sees it."""

    def epoch(self, number: int) -> Iterator[int]:
        """Yields the number of images of each batch once it is ready."""
        ...

    def close(self) -> None: ...


PEERS: dict[str, tuple[str, Reads]] = {
    "course-script": ("headrace.bench.loading.peers.course_script", "folder"),
    "torchvision-pil": ("headrace.bench.loading.peers.image_folder", "folder"),
    "torchvision-v2": ("headrace.bench.loading.peers.image_folder", "folder"),
    "ffcv": ("headrace.bench.loading.peers.ffcv_loader", "beton"),
    "dali": ("headrace.bench.loading.peers.dali_reader", "folder"),
    "timm": ("headrace.bench.loading.peers.timm_loader", "folder"),
    "spdl": ("headrace.bench.loading.peers.spdl_pipeline", "folder"),
    "webdataset": ("headrace.bench.loading.peers.webdataset_shards", "shards"),
    "litdata": ("headrace.bench.loading.peers.litdata_chunks", "chunks"),
}
"""Peer names, the modules that define `open_source(job) -> Source`, and what they read."""

ORIGINAL_FOLDER_PEERS = ("course-script", "torchvision-pil", "torchvision-v2", "timm")
"""Peers whose own users have nothing but the original folder; they run there where it is given."""


class OurSource:
    """A Headrace loader as a source."""

    def __init__(self, job: Job) -> None:
        self._loader = open_loader(
            job.path,
            split=job.split,
            size=job.size,
            batch_size=job.batch_size,
            loader=job.name,
            seed=job.seed,
            workers=job.workers,
            device=job.device,
            crop_scale=job.crop_scale,
        )

    def epoch(self, number: int) -> Iterator[int]:
        for batch in self._loader.epoch(number):
            yield len(batch.labels)

    def close(self) -> None:
        self._loader.close()
        self._loader.records.close()


def open_source(job: Job) -> Source:
    """Opens whatever the job names.

    Raises:
        HeadraceError: if it cannot run here, with the reason.
    """
    kind, _, name = job.name.rpartition(":")
    if kind == "peer":
        source: Source = importlib.import_module(PEERS[name][0]).open_source(job)
        return source
    if kind == "ceiling":
        from headrace.bench.loading.ceilings import open_ceiling

        return open_ceiling(job)
    return OurSource(job)
